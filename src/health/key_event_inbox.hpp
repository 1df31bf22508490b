// The events that were reported and not taken yet: in order for each key, equal events in a row as one, and bounded.
// Not thread-safe: MonitoredKeys owns it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "health/key_health.hpp"

namespace latchkey::health {

struct ReportedEvent {
  KeyEvent event;
  bool from_check = false;  // a check asked the key; else a request did
};

class KeyEventInbox {
 public:
  // False where the event was added to an equal one before it. Of a flood of different events, the latest stay.
  bool add(const std::string& external_key_id, ReportedEvent reported);
  // Takes the first event of any one key.
  [[nodiscard]] std::optional<std::pair<std::string, ReportedEvent>> take();
  void forget(const std::string& external_key_id) { events_.erase(external_key_id); }
  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] bool contains(const std::string& external_key_id) const { return events_.contains(external_key_id); }
  [[nodiscard]] const std::map<std::string, std::vector<ReportedEvent>>& by_key() const { return events_; }

 private:
  std::map<std::string, std::vector<ReportedEvent>> events_;
};

}  // namespace latchkey::health
