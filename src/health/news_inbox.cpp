#include "health/news_inbox.hpp"

namespace latchkey::health {

namespace {

constexpr std::size_t kMostOfAKey = 16;

bool equal(const Heard& one, const Heard& other) {
  return !one.checked && !other.checked && one.news.kind == other.news.kind &&
         one.news.error.code == other.news.error.code && one.news.error.reason == other.news.error.reason;
}

}  // namespace

bool NewsInbox::add(const std::string& external_key_id, Heard heard) {
  auto& list = of_[external_key_id];
  if (!list.empty() && equal(list.back(), heard)) {
    auto& last = list.back().news;
    last.count += heard.news.count;
    last.at = heard.news.at;
    last.error = std::move(heard.news.error);
    return false;
  }
  if (list.size() >= kMostOfAKey) list.erase(list.begin());
  list.push_back(std::move(heard));
  return true;
}

std::optional<std::pair<std::string, Heard>> NewsInbox::take() {
  if (of_.empty()) return std::nullopt;
  auto first = of_.begin();
  auto id = first->first;
  auto heard = std::move(first->second.front());
  first->second.erase(first->second.begin());
  if (first->second.empty()) of_.erase(first);
  return std::pair(std::move(id), std::move(heard));
}

}  // namespace latchkey::health
