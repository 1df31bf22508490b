// All keys under watch, and what was heard of them: the monitor's state. Thread-safe; nothing here waits, asks a key or
// writes to the store.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "health/health_book.hpp"
#include "health/key_watch.hpp"
#include "health/news_inbox.hpp"

namespace latchkey::health {

class WatchList {
 public:
  // Both outlive it.
  WatchList(const Clock& clock, RandomSource& random, MonitorSettings settings)
      : clock_(clock), random_(random), settings_(settings) {}

  // What is heard. True where the monitor is to attend.
  [[nodiscard]] bool proved(const std::string& id);
  [[nodiscard]] bool failed(const std::string& id, const Error& error);
  struct Validated {
    bool attend = false;
    bool forget = false;  // what is held and known of the key: a refusal may be over
  };
  [[nodiscard]] Validated validated(const std::string& id, bool success);
  // The key was suspended or resumed, and this was written. The monitor is to attend.
  void changed(const store::ExternalKeyHealth& stored);

  // Neither news to be taken nor checks on the way.
  [[nodiscard]] bool idle() const;
  // When the list is to be read again, or a key is to be checked.
  [[nodiscard]] AgeTime next_event() const;

  // Whether the list of attached keys is to be read again; the caller then does.
  [[nodiscard]] bool begin_refresh();
  void take_list(std::vector<HealthBook::Attached> listed);

  [[nodiscard]] std::optional<std::pair<std::string, Heard>> next_heard();
  // What the news make of a key.
  struct Verdict {
    KeyHealth health;
    KeyWatch::Source source = KeyWatch::Source::Heard;
    bool outdates_keyring = false;  // it holds what is over: leases of a key that refuses, or a refusal
    bool to_be_written = false;     // and then to be kept; else it is kept already
  };
  // Absent where nothing follows from them.
  [[nodiscard]] std::optional<Verdict> judge(const std::string& id, const Heard& heard);
  // What the store says of it: an error, or, absent, that the key is gone.
  void keep(const std::string& id, Verdict verdict, Result<std::optional<store::ExternalKeyHealth>> stored);

  struct Due {
    std::vector<store::ExternalKey> checks;  // each has begun, and is ended with end_check
    std::vector<std::string> suspended;      // of which nothing may be held
  };
  [[nodiscard]] Due take_due();
  // `news`: absent where the check found nothing out.
  void end_check(const std::string& id, Timestamp began, std::optional<News> news);

  // Makes the times of what is stored as late as they are known here.
  void complete(store::ExternalKeyHealth& stored) const;

 private:
  [[nodiscard]] bool hear(const std::string& id, Heard heard);
  [[nodiscard]] std::vector<KeyWatch*> most_urgent(std::vector<KeyWatch*> due) const;

  const Clock& clock_;
  RandomSource& random_;
  MonitorSettings settings_;
  mutable std::mutex mutex_;  // over everything below
  std::map<std::string, KeyWatch> watches_;
  NewsInbox inbox_;
  std::optional<AgeTime> refreshed_at_;
  bool refresh_wanted_ = false;
  std::size_t running_ = 0;
};

}  // namespace latchkey::health
