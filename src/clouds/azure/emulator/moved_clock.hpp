// A clock that the emulator's users may move: it shows another clock's time plus a distance, which is part of the
// state.
#pragma once

#include <atomic>

#include "base/clock.hpp"
#include "clouds/azure/emulator/text.hpp"

namespace latchkey::clouds::azure::emulator {

class MovedClock final : public Clock {
 public:
  // `base` must outlive it.
  MovedClock(const Clock& base, Seconds distance) : base_(base), distance_(distance) {}
  [[nodiscard]] Timestamp now() const override { return base_.now() + std::chrono::seconds(distance_.load()); }
  [[nodiscard]] SteadyTime steady() const override { return base_.steady(); }
  [[nodiscard]] AgeTime age_time() const override { return base_.age_time(); }

  [[nodiscard]] Timestamp base_now() const { return base_.now(); }
  [[nodiscard]] Seconds distance() const { return distance_; }
  void set_distance(Seconds distance) { distance_ = distance; }

 private:
  const Clock& base_;
  std::atomic<Seconds> distance_;
};

}  // namespace latchkey::clouds::azure::emulator
