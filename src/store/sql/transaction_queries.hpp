// Templates for SqlTransaction's operations; only its own source files include this.
#pragma once

#include <algorithm>
#include <limits>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "store/sql/column_lists.hpp"
#include "store/sql/transaction.hpp"

namespace latchkey::store {

inline std::int64_t sql_limit(std::size_t limit) {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max() - 1);
  return static_cast<std::int64_t>(std::min(limit, kMost));
}

// A list of texts is one parameter, a JSON array, so that filters of any length share one prepared statement.
inline std::string json_array(const std::vector<std::string>& texts) {
  boost::json::array array;
  array.reserve(texts.size());
  for (const auto& text : texts) array.emplace_back(text);
  return boost::json::serialize(array);
}

inline Error not_there(std::string_view what, std::string_view id) {
  return Error{ErrorCode::Internal, fmt::format("The {} {} to be changed is not in the database.", what, id)};
}

template <class T>
Result<T> SqlTransaction::watch(Result<T> result) {
  if (!result && !failure_) failure_ = result.error();
  return result;
}

template <class... Values>
Result<std::int64_t> SqlTransaction::write(std::string_view what, std::string_view sql, const Values&... values) {
  LATCHKEY_TRYV(may_write(what));
  auto run = [&]() -> Result<std::int64_t> {
    LATCHKEY_TRY(auto statement, connection_.prepare(sql));
    (Cells<Values>::bind(statement, values), ...);
    LATCHKEY_TRYV(statement.step());
    return connection_.changes();
  };
  return watch(run());
}

template <class... Values>
Result<std::int64_t> SqlTransaction::count(std::string_view sql, const Values&... values) {
  if (failure_) return *failure_;
  auto run = [&]() -> Result<std::int64_t> {
    LATCHKEY_TRY(auto statement, connection_.prepare(sql));
    (Cells<Values>::bind(statement, values), ...);
    LATCHKEY_TRYV(statement.step());
    return Row(statement).integer();
  };
  return watch(run());
}

inline std::optional<std::string> place_of(const KeyPlaceOf& key_place, const ExternalKey& row) {
  return key_place ? key_place(row.provider, row.provider_config) : std::nullopt;
}

// Tables with a column that is made of others, and so is not sealed.
template <class T>
concept Placed = requires { Table<T>::kPlace; };

// Sealed tables have their seal behind the columns of the row; what is read of them, the place behind that.
template <class T>
inline constexpr std::string_view kSealColumn = Sealed<T> ? ", seal" : "";

template <class T>
std::string columns_read() {
  auto columns = fmt::format("{}{}", column_names<T>(), kSealColumn<T>);
  if constexpr (Placed<T>) columns += fmt::format(", {}", Table<T>::kPlace);
  return columns;
}

// What is read of a sealed table's row.
template <class T>
struct SealedRow {
  T value;
  Bytes seal;
  bool is_whole;  // false: not believed, as if its seal were wrong
};

template <class T>
SealedRow<T> read_sealed(Row& row, const KeyPlaceOf& key_place) {
  SealedRow<T> read{read_columns<T>(row), row.optional_bytes().value_or(Bytes()), true};
  if constexpr (Placed<T>) {
    auto place = row.take_null() ? std::nullopt : std::optional(row.text());
    read.is_whole = place == place_of(key_place, read.value);
  }
  read.is_whole = read.is_whole && !row.damaged();
  return read;
}

inline Error integrity_error(const IntegrityAlarm& alarm, const std::string& path) {
  return Error{
      ErrorCode::Internal,
      fmt::format("Row {} of {} in the database {} was not written by Latchkey, or was changed since: {}. It is "
                  "not used. See docs/operate.md, \"When a row does not verify\".",
                  alarm.id, alarm.table, path, describe(alarm.verdict))};
}

template <class T>
IntegrityAlarm alarm_about(const T& row, SealVerdict verdict) {
  return {.table = std::string(Table<T>::kName),
          .id = sealed_id(row),
          .organization = row.organization,
          .verdict = verdict};
}

template <class T, class... Values>
Result<std::vector<T>> SqlTransaction::read_rows(Unverified unverified, const IsAsked<T>& is_asked,
                                                 std::string_view tail, const Values&... values) {
  if (failure_) return *failure_;
  auto run = [&]() -> Result<std::vector<T>> {
    LATCHKEY_TRY(auto statement,
                 connection_.prepare(fmt::format("SELECT {} FROM {} {}", columns_read<T>(), Table<T>::kName, tail)));
    (Cells<Values>::bind(statement, values), ...);
    std::vector<T> rows;
    for (;;) {
      LATCHKEY_TRY(bool found, statement.step());
      if (!found) return rows;
      Row row(statement);
      T value;
      if constexpr (Sealed<T>) {
        auto read = read_sealed<T>(row, key_place_);
        value = std::move(read.value);
        auto verdict = read.is_whole ? sealer_.check(seal_text(value), read.seal) : SealVerdict::Wrong;
        if (verdict == SealVerdict::Good && is_asked && !is_asked(value)) verdict = SealVerdict::NotAsked;
        if (verdict != SealVerdict::Good) {
          auto alarm = alarm_about(value, verdict);
          if (alarm_) alarm_(alarm);
          // A row of another owner is not destroyed either.
          bool is_refused = unverified == Unverified::Refused ||
                            (unverified == Unverified::Taken && verdict == SealVerdict::NotAsked);
          if (is_refused) return integrity_error(alarm, connection_.name());
          if (unverified == Unverified::LeftOut || row.damaged()) continue;
        }
      } else {
        value = read_columns<T>(row);
      }
      rows.push_back(std::move(value));
      if (row.damaged()) {
        return Error{ErrorCode::Internal,
                     fmt::format("A row of {} in the database {} is damaged", Table<T>::kName, connection_.name()),
                     {},
                     "Restore a backup."};
      }
    }
  };
  return watch(run());
}

template <class T, class... Values>
Result<std::optional<T>> SqlTransaction::find(const IsAsked<T>& is_asked, std::string_view tail,
                                              const Values&... values) {
  LATCHKEY_TRY(auto rows, select<T>(is_asked, tail, values...));
  if (rows.empty()) return std::optional<T>();
  return std::optional<T>(std::move(rows.front()));
}

template <class T>
Result<void> SqlTransaction::insert_row(const T& row, std::string_view tail) {
  auto what = fmt::format("An insert into {}", Table<T>::kName);
  LATCHKEY_TRYV(may_write(what));
  auto sql = fmt::format("INSERT INTO {} ({}{}) VALUES ({}{}) {}", Table<T>::kName, column_names<T>(), kSealColumn<T>,
                         column_places<T>(), Sealed<T> ? ", ?" : "", tail);
  if constexpr (Sealed<T>) {
    LATCHKEY_TRYV(write(what, sql, AllOf<T>{row}, seal_of(row)));
  } else {
    LATCHKEY_TRYV(write(what, sql, AllOf<T>{row}));
  }
  return success();
}

template <class T>
Result<void> SqlTransaction::update_row(std::string_view what, const T& row) {
  LATCHKEY_TRYV(write(what,
                      fmt::format("UPDATE {} SET {}, seal = ? WHERE id = ?", Table<T>::kName, column_updates<T>()),
                      UpdatesOf<T>{row}, seal_of(row), row.id));
  return success();
}

// The creation time of the row that the window's place names; nothing where the window starts at an end of the list.
template <class T>
Result<std::optional<Timestamp>> SqlTransaction::place_time(const Uuid& organization, const ListWindow& window) {
  if (window.after && window.before) {
    return Error{ErrorCode::Invalid, "A list continues after an entry or before one, not both at once."};
  }
  const auto& place = window.after ? window.after : window.before;
  if (!place) return std::optional<Timestamp>();
  if (place->created_at) return place->created_at;
  auto is_asked = [&](const T& row) { return row.organization == organization && row.id == place->id; };
  LATCHKEY_TRY(auto row, find<T>(is_asked, "WHERE organization = ? AND id = ?", organization, place->id));
  if (!row) {
    return Error{ErrorCode::Invalid,
                 "The entry to continue from is not in this list",
                 {},
                 "Start again from the list's first page."};
  }
  return std::optional(row->created_at);
}

// Makes a page of rows that were read in the direction of travel, one more than the page takes.
template <class T>
Page<T> page_of(std::vector<T> rows, const ListWindow& window) {
  Page<T> page;
  page.has_more = rows.size() > window.limit;
  if (page.has_more) rows.resize(window.limit);
  // Read against the list's order, the nearest rows come first.
  if (window.before) std::ranges::reverse(rows);
  page.rows = std::move(rows);
  return page;
}

template <class T, class... Values>
Result<Page<T>> SqlTransaction::page(const Uuid& organization, const ListWindow& window, std::string_view condition,
                                     const Values&... values) {
  LATCHKEY_TRY(auto from, place_time<T>(organization, window));
  bool backwards = window.before.has_value();
  bool descending = window.newest_first != backwards;
  auto limit = sql_limit(window.limit);
  auto order = fmt::format("ORDER BY created_at {0}, id {0} LIMIT ?", descending ? "DESC" : "ASC");
  std::vector<T> rows;
  auto is_asked = [&](const T& row) { return row.organization == organization; };
  if (from) {
    auto tail = fmt::format("WHERE organization = ?1 {} AND (created_at, id) {} (?, ?) {}", condition,
                            descending ? '<' : '>', order);
    const auto& place = window.after ? *window.after : *window.before;
    LATCHKEY_TRY(rows, select<T>(is_asked, tail, organization, values..., *from, place.id, limit + 1));
  } else {
    auto tail = fmt::format("WHERE organization = ?1 {} {}", condition, order);
    LATCHKEY_TRY(rows, select<T>(is_asked, tail, organization, values..., limit + 1));
  }
  return page_of(std::move(rows), window);
}

}  // namespace latchkey::store
