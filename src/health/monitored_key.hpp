// One key that the monitor looks after: its health, and the time of its next check. Not thread-safe: MonitoredKeys owns
// it.
#pragma once

#include <algorithm>
#include <optional>

#include "health/health_monitor.hpp"
#include "health/key_health.hpp"

namespace latchkey::health {

class MonitoredKey {
 public:
  // `phase` in [0, 1) spreads the checks of many keys over time. A key that worked before a restart is due `interval`
  // after its last success; any other key is due at once. Where `interval` is zero, no check comes by itself.
  MonitoredKey(store::ExternalKey key, std::optional<store::ExternalKeyHealth> stored, double phase, Timestamp now,
               AgeTime age_now, const MonitorSettings& settings);

  [[nodiscard]] const store::ExternalKey& key() const { return key_; }
  void set_key(store::ExternalKey key) { key_ = std::move(key); }
  [[nodiscard]] const KeyHealth& health() const { return health_; }
  [[nodiscard]] State state() const { return health_.row.state; }
  // Healthy, and without any recent failure.
  [[nodiscard]] bool calm() const { return state() == State::Healthy && health_.failures == 0; }

  enum class Source { Request, Check };
  // Sets the health that an event led to. The checks of a key in trouble go on whatever requests report, for requests
  // do not meet everything that can be wrong.
  void set_health(KeyHealth health, Source source, AgeTime age_now, const MonitorSettings& settings);
  // To be called once the health is in the store.
  void set_stored() { stored_at_ = health_.row.last_checked_at; }
  // A request succeeded under a calm key.
  void record_success(Timestamp now, AgeTime age_now, const MonitorSettings& settings);
  // Whether the stored row is so old that it must be written again although nothing changed.
  [[nodiscard]] bool stale(Timestamp now, const MonitorSettings& settings) const;

  // Asks for a check that runs whatever the interval is, and whatever requests report meanwhile.
  void want_check(AgeTime when) { wanted_ = wanted_ ? std::min(*wanted_, when) : when; }
  [[nodiscard]] AgeTime next_check() const { return wanted_ ? std::min(*wanted_, scheduled_) : scheduled_; }
  [[nodiscard]] bool checking() const { return checking_; }
  void begin_check();
  // The next check is due at `next`, unless the outcome of this one sets another time.
  void end_check(AgeTime next);
  // Takes the place of a check: nobody asks a suspended key.
  void put_off(AgeTime next);

 private:
  [[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds wait) const;
  void schedule(AgeTime age_now, bool anew, const MonitorSettings& settings);

  store::ExternalKey key_;
  KeyHealth health_;
  std::optional<Timestamp> stored_at_;
  AgeTime scheduled_;
  std::optional<AgeTime> wanted_;
  bool checking_ = false;
  std::chrono::milliseconds retry_{0};
  double phase_;
};

}  // namespace latchkey::health
