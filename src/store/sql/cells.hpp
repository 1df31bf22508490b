// How a row's value is stored in the cells of its table: how it is bound to a statement's parameters and read back.
// Most values take one cell.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "store/names.hpp"
#include "store/rows.hpp"
#include "store/sql/statement.hpp"

namespace latchkey::store {

// For the types that a Statement binds and a Row reads directly.
template <class Value>
struct Cells {
  static constexpr std::size_t kCount = 1;
  static void bind(Statement& statement, const Value& value) { statement.bind(value); }
  [[nodiscard]] static Value read(Row& row);
};

template <>
inline std::int64_t Cells<std::int64_t>::read(Row& row) {
  return row.integer();
}
template <>
inline std::string Cells<std::string>::read(Row& row) {
  return row.text();
}
template <>
inline Bytes Cells<Bytes>::read(Row& row) {
  return row.bytes();
}
template <>
inline Uuid Cells<Uuid>::read(Row& row) {
  return row.uuid();
}
template <>
inline RawId Cells<RawId>::read(Row& row) {
  return row.raw_id();
}
template <>
inline Timestamp Cells<Timestamp>::read(Row& row) {
  return row.timestamp();
}

template <>
struct Cells<bool> {
  static constexpr std::size_t kCount = 1;
  static void bind(Statement& statement, bool value) { statement.bind(std::int64_t{value}); }
  [[nodiscard]] static bool read(Row& row) { return row.flag(); }
};

template <>
struct Cells<std::chrono::milliseconds> {
  static constexpr std::size_t kCount = 1;
  static void bind(Statement& statement, std::chrono::milliseconds value) {
    statement.bind(std::int64_t{value.count()});
  }
  [[nodiscard]] static std::chrono::milliseconds read(Row& row) { return std::chrono::milliseconds(row.integer()); }
};

template <class Enum>
  requires std::is_enum_v<Enum>
struct Cells<Enum> {
  static constexpr std::size_t kCount = 1;
  static void bind(Statement& statement, Enum value) { statement.bind(to_text(value)); }
  // An unknown text is damage. Nobody receives a damaged row; until it is rejected, it holds the value that permits
  // least.
  [[nodiscard]] static Enum read(Row& row) {
    auto value = from_text<Enum>(row.text());
    if (!value) row.mark_damaged();
    return value.value_or(kValues<Enum>.back());
  }
};

// NULL where the value is absent.
template <class Value>
struct Cells<std::optional<Value>> {
  static constexpr std::size_t kCount = 1;
  static void bind(Statement& statement, const std::optional<Value>& value) { statement.bind(value); }
  [[nodiscard]] static std::optional<Value> read(Row& row) {
    if (row.take_null()) return std::nullopt;
    return Cells<Value>::read(row);
  }
};

// A workspace's tags: a JSON object of strings.
template <>
struct Cells<std::map<std::string, std::string>> {
  static constexpr std::size_t kCount = 1;
  static void bind(Statement& statement, const std::map<std::string, std::string>& tags);
  [[nodiscard]] static std::map<std::string, std::string> read(Row& row);
};

// The types of a webhook's events, joined by commas; none of them has a comma.
template <>
struct Cells<std::vector<std::string>> {
  static constexpr std::size_t kCount = 1;
  static void bind(Statement& statement, const std::vector<std::string>& events);
  [[nodiscard]] static std::vector<std::string> read(Row& row);
};

template <>
struct Cells<WrappedSecret> {
  static constexpr std::size_t kCount = 2;
  static void bind(Statement& statement, const WrappedSecret& secret);
  [[nodiscard]] static WrappedSecret read(Row& row);
};

// Either all three are NULL, or none is.
template <>
struct Cells<std::optional<ExpiringSecret>> {
  static constexpr std::size_t kCount = 3;
  static void bind(Statement& statement, const std::optional<ExpiringSecret>& secret);
  [[nodiscard]] static std::optional<ExpiringSecret> read(Row& row);
};

}  // namespace latchkey::store
