// The state of the health monitor: all keys that it looks after, and the events that were reported of them.
// Thread-safe. Nothing here waits, asks a key or writes to the store.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/random.hpp"
#include "health/key_event_inbox.hpp"
#include "health/key_health_store.hpp"
#include "health/monitored_key.hpp"

namespace latchkey::health {

class MonitoredKeys {
 public:
  // Both references outlive the object.
  MonitoredKeys(const Clock& clock, RandomSource& random, MonitorSettings settings)
      : clock_(clock), random_(random), settings_(settings) {}

  // Reports of requests. True where the monitor must run.
  [[nodiscard]] bool proved(const std::string& id);
  [[nodiscard]] bool failed(const std::string& id, const Error& error);
  struct Validated {
    bool wakes_monitor = false;
    bool forget = false;  // what the keyring knows of the key, for a refusal may be over
  };
  [[nodiscard]] Validated validated(const std::string& id, bool success);
  // The health of a key that was suspended or resumed. The monitor must run afterwards.
  void health_written(const store::ExternalKeyHealth& stored);

  // Whether no event waits to be taken and no check is under way.
  [[nodiscard]] bool idle() const;
  // When the list of attached keys must be read again, or a key must be checked.
  [[nodiscard]] AgeTime next_due() const;

  // True where the caller must read the list of attached keys again.
  [[nodiscard]] bool begin_refresh();
  void take_list(std::vector<KeyHealthStore::Attached> listed);

  [[nodiscard]] std::optional<std::pair<std::string, ReportedEvent>> take_event();
  // What follows for a key from an event.
  struct Verdict {
    KeyHealth health;
    MonitoredKey::Source source = MonitoredKey::Source::Request;
    bool outdates_keyring = false;  // it holds leases of a key that refuses, or a refusal that is over
    bool to_be_written = false;     // the caller writes it, then calls keep; else it is kept already
  };
  // Absent where nothing follows from the event.
  [[nodiscard]] std::optional<Verdict> judge(const std::string& id, const ReportedEvent& reported);
  // `stored` is the outcome of writing the verdict: the row that stands now, or an error; absent where the key is gone.
  void keep(const std::string& id, Verdict verdict, Result<std::optional<store::ExternalKeyHealth>> stored);

  struct Due {
    std::vector<store::ExternalKey> checks;  // each check has begun; end_check ends it
    std::vector<std::string> suspended;      // the keyring must hold nothing under these
  };
  [[nodiscard]] Due take_due();
  // `event` is absent where the check found nothing out.
  void end_check(const std::string& id, Timestamp began, std::optional<KeyEvent> event);

  // Sets the times of a stored row to later ones that are known here.
  void complete(store::ExternalKeyHealth& stored) const;

 private:
  [[nodiscard]] bool add_event(const std::string& id, ReportedEvent reported) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] std::vector<MonitoredKey*> most_urgent(std::vector<MonitoredKey*> due) const LATCHKEY_REQUIRES(mutex_);

  const Clock& clock_;
  RandomSource& random_;
  MonitorSettings settings_;
  mutable Mutex mutex_;
  std::map<std::string, MonitoredKey> keys_ LATCHKEY_GUARDED_BY(mutex_);
  KeyEventInbox inbox_ LATCHKEY_GUARDED_BY(mutex_);
  std::optional<AgeTime> refreshed_at_ LATCHKEY_GUARDED_BY(mutex_);
  bool refresh_wanted_ LATCHKEY_GUARDED_BY(mutex_) = false;
  std::size_t running_ LATCHKEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace latchkey::health
