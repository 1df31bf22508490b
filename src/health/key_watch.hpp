// One key under watch: its health, and when it is to be checked next. Not thread-safe; the watch list's.
#pragma once

#include <algorithm>
#include <optional>

#include "health/health_monitor.hpp"
#include "health/key_health.hpp"

namespace latchkey::health {

class KeyWatch {
 public:
  // `phase` in [0, 1) puts the checks of many keys at different times. A key that was proved before a restart is due
  // `interval` after that; any other at once. Where `interval` is zero, no check comes by itself.
  KeyWatch(store::ExternalKey key, std::optional<store::ExternalKeyHealth> stored, double phase, Timestamp now,
           AgeTime age_now, const MonitorSettings& settings);

  [[nodiscard]] const store::ExternalKey& key() const { return key_; }
  void set_key(store::ExternalKey key) { key_ = std::move(key); }
  [[nodiscard]] const KeyHealth& health() const { return health_; }
  [[nodiscard]] State state() const { return health_.row.state; }
  // Healthy, and without so much as a failure lately.
  [[nodiscard]] bool calm() const { return state() == State::Healthy && health_.failures == 0; }

  enum class Source { Heard, Checked };
  // What became of it. Whatever is heard of a key in trouble, its checks go on: not all that is wrong is heard of.
  void set_health(KeyHealth health, Source source, AgeTime age_now, const MonitorSettings& settings);
  // The health is written down.
  void set_stored() { stored_at_ = health_.row.last_checked_at; }
  // A calm key was proved.
  void prove(Timestamp now, AgeTime age_now, const MonitorSettings& settings);
  // Whether what is stored is so old that it is to be written though nothing changed.
  [[nodiscard]] bool stale(Timestamp now, const MonitorSettings& settings) const;

  // A check that something asks for: made whatever the interval, and whatever is heard meanwhile.
  void want_check(AgeTime when) { wanted_ = wanted_ ? std::min(*wanted_, when) : when; }
  [[nodiscard]] AgeTime next_check() const { return wanted_ ? std::min(*wanted_, scheduled_) : scheduled_; }
  [[nodiscard]] bool checking() const { return checking_; }
  void begin_check();
  // Made again at `next` unless what it found says otherwise.
  void end_check(AgeTime next);
  // In place of a check: a suspended key is not asked.
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
