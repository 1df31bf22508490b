// The schema, as the steps that lead to it. A step that has been released is never changed: a new one follows it.
#pragma once

#include <span>
#include <string_view>

namespace latchkey::store {

struct Migration {
  std::string_view name;
  std::string_view script;
};

// The n-th step (from 1) leads to schema version n, which the file keeps as its user_version.
[[nodiscard]] std::span<const Migration> migrations();

}  // namespace latchkey::store
