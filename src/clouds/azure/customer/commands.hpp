// The az commands that carry out a setup's steps or cure a check's finding, ready to be pasted. Pure. Texts by
// strangers are quoted in them.
#pragma once

#include "clouds/azure/customer/customer_state.hpp"

namespace latchkey::clouds::azure::customer::commands {

// A stranger's text as one word for a POSIX shell, made safe to show (clouds/azure/provider/response_text.hpp).
[[nodiscard]] std::string word(const std::string& text);
// The text unchanged, always in quotes.
[[nodiscard]] std::string quote(std::string_view text);

[[nodiscard]] std::string create_group(const std::string& group, const std::string& location);
[[nodiscard]] std::string create_vault(const Target& target, const std::string& group, const std::string& location,
                                       bool premium);
// "az keyvault update --name contoso <change>".
[[nodiscard]] std::string update_vault(const Target& target, std::string_view change);
[[nodiscard]] std::string allow_ranges(const Target& target, const std::vector<std::string>& ranges);
[[nodiscard]] std::string create_key(const Target& target, const std::string& type, unsigned bits);
[[nodiscard]] std::string set_key(const Target& target, std::string_view change);
[[nodiscard]] std::string consent(const Target& target);
// The scope is the key, or the vault.
enum class Scope { Key, Vault };
// `principal` and `vault_id` may be empty: the command then looks them up itself.
[[nodiscard]] std::string grant(const Target& target, const std::string& role, const std::string& principal,
                                const std::string& vault_id, Scope scope);
// `vault` must be a word for the shell already; `sink` is "--workspace ID" or the like.
[[nodiscard]] std::string diagnostics(const std::string& vault, const std::string& sink);

}  // namespace latchkey::clouds::azure::customer::commands
