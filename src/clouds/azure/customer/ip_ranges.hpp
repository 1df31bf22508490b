// IPv4 ranges as Key Vault's firewall accepts them. Pure.
#pragma once

#include <string>
#include <vector>

namespace latchkey::clouds::azure::customer {

// "203.0.113.7" or "203.0.113.0/24".
[[nodiscard]] bool is_ip_range(const std::string& text);

// Those of `wanted` that all `rules` together do not let in as a whole; a rule that is no range lets nothing in.
[[nodiscard]] std::vector<std::string> ranges_not_covered(const std::vector<std::string>& wanted,
                                                          const std::vector<std::string>& rules);

}  // namespace latchkey::clouds::azure::customer
