// A reason that only some clouds have, for tests of what knows of no cloud.
#pragma once

#include "kms/reasons.hpp"

namespace latchkey::testing {

inline constexpr ReasonEntry kVaultFirewall = kms::reason::network_blocked("vault_firewall");

}  // namespace latchkey::testing
