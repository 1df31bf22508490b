// A vault's firewall. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "clouds/azure/emulator/errors.hpp"
#include "clouds/azure/emulator/model.hpp"
#include "clouds/azure/emulator/tokens.hpp"

namespace latchkey::clouds::azure::emulator {

// "203.0.113.9" or "203.0.113.0/24": IPv4, and not an address of RFC 1918, which Azure does not accept.
[[nodiscard]] bool is_ip_rule(std::string_view rule);
[[nodiscard]] bool is_in_range(std::string_view rule, std::string_view address);
// The rules that hold while changes made after `effective_before` do not hold yet.
[[nodiscard]] const NetworkRules& rules_in_force(const Vault& vault, Seconds effective_before);
// Records in `vault`, whose rules may have changed at `now`, the rules that held before.
void keep_former_rules(const Vault& before, Vault& vault, Seconds now);
// Absent where `rules` let `address` into the vault.
[[nodiscard]] std::optional<Refusal> check_network(const Vault& vault, const NetworkRules& rules,
                                                   std::string_view address, const Caller& caller);

}  // namespace latchkey::clouds::azure::emulator
