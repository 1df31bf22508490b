// When keys rotate: the policy that a key may have, the ISO 8601 durations in it, and what it makes due. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/errors.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

// "P1Y2M10D": whole years, months and days, as Key Vault accepts them.
struct Duration {
  int years = 0;
  int months = 0;
  int days = 0;
};
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// Calendar arithmetic in UTC; a day that the month does not have becomes its last.
[[nodiscard]] Seconds add(Seconds time, const Duration& duration);
[[nodiscard]] Seconds subtract(Seconds time, const Duration& duration);

// Reads the body of a PUT. BadParameter for what the service does not accept: shorter than 7 days (28 for expiryTime),
// timeBeforeExpiry of a rotation without an expiryTime, notifications after creation, two of a kind.
[[nodiscard]] Outcome<RotationPolicy> read_rotation_policy(const boost::json::object& body, Seconds now);
// Shows a policy under `id`; a key without a policy shows the service's default.
[[nodiscard]] boost::json::object show_rotation_policy(const std::optional<RotationPolicy>& policy,
                                                       const std::string& id);

// When a version that is created now expires by the policy.
[[nodiscard]] std::optional<Seconds> expiry_by(const std::optional<RotationPolicy>& policy, Seconds created);
// The moments up to `now` at which `key` should have rotated since its newest version was made, oldest first; at most
// the last `most` of them. A key whose newest version is disabled does not rotate: the new version would enable it
// again.
[[nodiscard]] std::vector<Seconds> due_rotations(const Key& key, Seconds now, std::size_t most);

}  // namespace latchkey::clouds::azure::emulator
