// What was heard of the keys and not taken yet: of each key in order, equal news in a row as one, and bounded. Not
// thread-safe; the watch list's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "health/key_health.hpp"

namespace latchkey::health {

struct Heard {
  News news;
  bool checked = false;  // we asked; else it was heard in passing
};

class NewsInbox {
 public:
  // False where it went into the news before it. Of a flood of different ones, the latest stay.
  bool add(const std::string& external_key_id, Heard heard);
  // The first of some key.
  [[nodiscard]] std::optional<std::pair<std::string, Heard>> take();
  void forget(const std::string& external_key_id) { of_.erase(external_key_id); }
  [[nodiscard]] bool empty() const { return of_.empty(); }
  [[nodiscard]] bool contains(const std::string& external_key_id) const { return of_.contains(external_key_id); }
  [[nodiscard]] const std::map<std::string, std::vector<Heard>>& by_key() const { return of_; }

 private:
  std::map<std::string, std::vector<Heard>> of_;
};

}  // namespace latchkey::health
