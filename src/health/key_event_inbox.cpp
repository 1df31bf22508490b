#include "health/key_event_inbox.hpp"

namespace latchkey::health {

namespace {

constexpr std::size_t kMostOfAKey = 16;

bool equal(const ReportedEvent& one, const ReportedEvent& other) {
  return !one.from_check && !other.from_check && one.event.kind == other.event.kind &&
         one.event.error.code == other.event.error.code && one.event.error.reason == other.event.error.reason;
}

}  // namespace

bool KeyEventInbox::add(const std::string& external_key_id, ReportedEvent reported) {
  auto& list = events_[external_key_id];
  if (!list.empty() && equal(list.back(), reported)) {
    auto& last = list.back().event;
    last.count += reported.event.count;
    last.at = reported.event.at;
    last.error = std::move(reported.event.error);
    return false;
  }
  if (list.size() >= kMostOfAKey) list.erase(list.begin());
  list.push_back(std::move(reported));
  return true;
}

std::optional<std::pair<std::string, ReportedEvent>> KeyEventInbox::take() {
  if (events_.empty()) return std::nullopt;
  auto first = events_.begin();
  auto id = first->first;
  auto reported = std::move(first->second.front());
  first->second.erase(first->second.begin());
  if (first->second.empty()) events_.erase(first);
  return std::pair(std::move(id), std::move(reported));
}

}  // namespace latchkey::health
