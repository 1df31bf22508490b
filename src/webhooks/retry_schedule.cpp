#include "webhooks/retry_schedule.hpp"

#include <algorithm>
#include <array>

namespace latchkey::webhooks {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<milliseconds, 8> kPauses{seconds(5),  seconds(30), minutes(2), minutes(10),
                                              minutes(30), hours(1),    hours(2),   hours(4)};

// Moves the wait by up to a tenth either way, so that the server does not send the events of one outage again all at
// once.
milliseconds jittered(milliseconds pause, RandomSource& random) {
  std::array<std::uint8_t, 1> byte{};
  random.fill(byte);
  return pause * 9 / 10 + pause * byte[0] / (5 * 255);
}

}  // namespace

std::optional<Timestamp> next_attempt(Timestamp created_at, std::int64_t attempts, Timestamp now,
                                      std::optional<milliseconds> wish, RandomSource& random) {
  auto last = created_at + kGiveUpAfter;
  if (now >= last) return std::nullopt;
  auto index = static_cast<std::size_t>(std::clamp<std::int64_t>(attempts, 1, kPauses.size())) - 1;
  auto pause = jittered(kPauses[index], random);
  if (wish) pause = std::max(pause, std::min<milliseconds>(*wish, kPauses.back()));
  return std::min(now + pause, last);
}

}  // namespace latchkey::webhooks
