// The parts of statements that list a table's columns, and the values that go with them in the same order. All are made
// from the one list in sql/columns.hpp.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "store/sql/cells.hpp"
#include "store/sql/columns.hpp"

namespace latchkey::store {

// Calls `visit` with each column of T's table, in order.
template <class T, class Visit>
void for_each_column(Visit visit) {
  std::apply([&](const auto&... each) { (visit(each), ...); }, Table<T>::kColumns);
}

namespace detail {

// Applies `spell` to the name of each column that is `chosen`, and joins the results with commas.
template <class T, class Chosen, class Spell>
std::string list_columns(Chosen chosen, Spell spell) {
  std::string list;
  for_each_column<T>([&](const auto& column) {
    if (!chosen(column.on_update)) return;
    for (auto name : column.names) {
      if (!list.empty()) list += ", ";
      list += spell(name);
    }
  });
  return list;
}

inline bool is_any(OnUpdate) {
  return true;
}
inline bool is_written(OnUpdate on_update) {
  return on_update == OnUpdate::Written;
}

template <class T, class Chosen>
void bind_columns(Statement& statement, const T& row, Chosen chosen) {
  for_each_column<T>([&]<class Value, std::size_t kCount>(const Column<T, Value, kCount>& column) {
    static_assert(Cells<Value>::kCount == kCount);
    if (chosen(column.on_update)) Cells<Value>::bind(statement, row.*column.member);
  });
}

}  // namespace detail

// "id, name, created_at"
template <class T>
[[nodiscard]] const std::string& column_names() {
  static const auto kText =
      detail::list_columns<T>(detail::is_any, [](std::string_view name) { return std::string(name); });
  return kText;
}

// "?, ?, ?"
template <class T>
[[nodiscard]] const std::string& column_places() {
  static const auto kText = detail::list_columns<T>(detail::is_any, [](std::string_view) { return std::string("?"); });
  return kText;
}

// "name = ?, tags = ?": the columns that an update writes.
template <class T>
[[nodiscard]] const std::string& column_updates() {
  static const auto kText =
      detail::list_columns<T>(detail::is_written, [](std::string_view name) { return fmt::format("{} = ?", name); });
  return kText;
}

// "state = excluded.state": the same columns, in an insert that replaces the row that is there.
template <class T>
[[nodiscard]] const std::string& column_replacements() {
  static const auto kText = detail::list_columns<T>(
      detail::is_written, [](std::string_view name) { return fmt::format("{0} = excluded.{0}", name); });
  return kText;
}

// Bind these where a statement has column_places<T>() or column_updates<T>().
template <class T>
struct AllOf {
  const T& row;
};
template <class T>
struct UpdatesOf {
  const T& row;
};

template <class T>
struct Cells<AllOf<T>> {
  static void bind(Statement& statement, const AllOf<T>& all) {
    detail::bind_columns(statement, all.row, detail::is_any);
  }
};

template <class T>
struct Cells<UpdatesOf<T>> {
  static void bind(Statement& statement, const UpdatesOf<T>& updates) {
    detail::bind_columns(statement, updates.row, detail::is_written);
  }
};

// Reads column_names<T>().
template <class T>
[[nodiscard]] T read_columns(Row& row) {
  T value{};
  for_each_column<T>([&]<class Value, std::size_t kCount>(const Column<T, Value, kCount>& column) {
    value.*column.member = Cells<Value>::read(row);
  });
  return value;
}

// What an update turns `before` into: `row`, with the kept columns of `before`.
template <class T>
[[nodiscard]] T updated(const T& before, T row) {
  for_each_column<T>([&](const auto& column) {
    if (column.on_update == OnUpdate::Kept) row.*column.member = before.*column.member;
  });
  return row;
}

}  // namespace latchkey::store
