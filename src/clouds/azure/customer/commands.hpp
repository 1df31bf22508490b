// The az commands that do, or cure, what the checks and the setup are about: ready to be pasted. Pure. What strangers
// wrote goes into them quoted.
#pragma once

#include "clouds/azure/customer/customer_state.hpp"

namespace latchkey::clouds::azure::customer::commands {

// As one word for a POSIX shell: a stranger's text, so made fit to be shown (kms/azure/answer_text.hpp).
[[nodiscard]] std::string word(const std::string& text);
// The same to the byte, always in quotes.
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
// `principal` and `vault_id` may be empty: then they are looked up by the command itself.
[[nodiscard]] std::string grant(const Target& target, const std::string& role, const std::string& principal,
                                const std::string& vault_id, Scope scope);
// `vault` is a word for the shell already; `sink`: "--workspace ID" and the like.
[[nodiscard]] std::string diagnostics(const std::string& vault, const std::string& sink);

}  // namespace latchkey::clouds::azure::customer::commands
