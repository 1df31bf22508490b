// The activity feed. Its table grows without end: an index serves each query here, in a time that depends on the page
// and not on the size of the table.
#include <set>
#include <tuple>

#include "store/sql/transaction_queries.hpp"

namespace latchkey::store {

namespace {

using Count = std::int64_t;

// The places between which the rows lie, both excluded.
struct Bounds {
  Count lower_time = std::numeric_limits<Count>::min();
  std::string lower_id;
  Count upper_time = std::numeric_limits<Count>::max();
  std::string upper_id;

  // No id is empty, so the place with an empty id lies before all rows of that moment.
  void from(Count time) { raise(time, ""); }
  void before(Count time) { lower(time, ""); }
  void raise(Count time, const std::string& id) {
    if (std::tie(lower_time, lower_id) < std::tie(time, id)) std::tie(lower_time, lower_id) = std::tie(time, id);
  }
  void lower(Count time, const std::string& id) {
    if (std::tie(time, id) < std::tie(upper_time, upper_id)) std::tie(upper_time, upper_id) = std::tie(time, id);
  }
};

Count count_of(Timestamp time) {
  return time.time_since_epoch().count();
}

// The last possible moment has no next one.
Count next(Count time) {
  return time == std::numeric_limits<Count>::max() ? time : time + 1;
}

Bounds bounds_of(const ActivityFilter& filter) {
  Bounds bounds;
  if (filter.at_or_after) bounds.from(count_of(*filter.at_or_after));
  if (filter.after) bounds.from(next(count_of(*filter.after)));
  if (filter.at_or_before) bounds.before(next(count_of(*filter.at_or_before)));
  if (filter.before) bounds.before(count_of(*filter.before));
  return bounds;
}

std::vector<std::string> distinct(const std::vector<std::string>& texts) {
  std::set<std::string> once(texts.begin(), texts.end());
  return {once.begin(), once.end()};
}

// The types of `there` that the filter accepts.
std::vector<std::string> wanted_types(std::vector<std::string> there, const ActivityFilter& filter) {
  std::set<std::string> only(filter.types.begin(), filter.types.end());
  std::set<std::string> none_of(filter.excluded_types.begin(), filter.excluded_types.end());
  std::erase_if(there,
                [&](const auto& type) { return none_of.contains(type) || (!only.empty() && !only.contains(type)); });
  return there;
}

// The text after FROM. Where the filter names types or actors, an index finds the first rows of each type, or of each
// actor and type, and the page is the first rows of these.
std::string tail_of(const Dialect& dialect, const ActivityFilter& filter, bool by_type, bool descending) {
  auto order = descending ? "DESC" : "ASC";
  constexpr std::string_view kBetween = "(created_at, id) > (?2, ?3) AND (created_at, id) < (?4, ?5)";
  auto first = fmt::format("ORDER BY created_at {0}, id {0} LIMIT ?6", order);
  if (!by_type) return fmt::format("WHERE organization = ?1 AND {} {}", kBetween, first);
  bool by_actor = !filter.actor_ids.empty();
  auto actors = by_actor ? fmt::format("CROSS JOIN {} AS actor", dialect.texts_of_array("?8")) : std::string();
  return fmt::format(
      "WHERE rowid IN (SELECT found.rowid FROM {} AS kind {} CROSS JOIN activities AS found WHERE found.rowid "
      "IN (SELECT rowid FROM activities WHERE organization = ?1 AND activities.type = kind.value {} AND {} {})) {}",
      dialect.texts_of_array("?7"), actors, by_actor ? "AND activities.actor_id = actor.value" : "", kBetween, first,
      first);
}

}  // namespace

Result<void> SqlTransaction::insert(const Activity& row) {
  return insert_row(row);
}

Result<std::vector<std::string>> SqlTransaction::activity_types(const Uuid& organization) {
  if (failure_) return *failure_;
  auto run = [&]() -> Result<std::vector<std::string>> {
    // Steps from one type to the next, not over all rows.
    LATCHKEY_TRY(
        auto statement,
        connection_.prepare(
            "WITH RECURSIVE kinds (type) AS (SELECT min(type) FROM activities WHERE organization = ?1 UNION ALL "
            "SELECT (SELECT min(type) FROM activities WHERE organization = ?1 AND activities.type > "
            "kinds.type) FROM kinds WHERE kinds.type IS NOT NULL) SELECT type FROM kinds WHERE type IS NOT "
            "NULL"));
    statement.bind(organization);
    std::vector<std::string> types;
    for (;;) {
      LATCHKEY_TRY(bool found, statement.step());
      if (!found) return types;
      types.push_back(Row(statement).text());
    }
  };
  return watch(run());
}

Result<Page<Activity>> SqlTransaction::list_activities(const ActivityFilter& filter, const ListWindow& window) {
  LATCHKEY_TRY(auto from, place_time<Activity>(filter.organization, window));
  bool backwards = window.before.has_value();
  bool descending = window.newest_first != backwards;
  auto bounds = bounds_of(filter);
  if (from) {
    const auto& id = window.after ? window.after->id : window.before->id;
    descending ? bounds.lower(count_of(*from), id) : bounds.raise(count_of(*from), id);
  }
  auto limit = sql_limit(window.limit);
  bool by_type = !filter.types.empty() || !filter.excluded_types.empty() || !filter.actor_ids.empty();
  auto tail = tail_of(connection_.dialect(), filter, by_type, descending);
  std::vector<Activity> rows;
  if (by_type) {
    LATCHKEY_TRY(auto there, activity_types(filter.organization));
    auto types = json_array(wanted_types(std::move(there), filter));
    std::optional<std::string> actors;
    if (!filter.actor_ids.empty()) actors = json_array(distinct(filter.actor_ids));
    auto read = [&](const auto&... more) {
      return select_unsealed<Activity>(tail, filter.organization, bounds.lower_time, bounds.lower_id, bounds.upper_time,
                                       bounds.upper_id, limit + 1, types, more...);
    };
    auto found = actors ? read(*actors) : read();
    if (!found) return found.error();
    rows = std::move(found.value());
  } else {
    LATCHKEY_TRY(rows, select_unsealed<Activity>(tail, filter.organization, bounds.lower_time, bounds.lower_id,
                                                 bounds.upper_time, bounds.upper_id, limit + 1));
  }
  return page_of(std::move(rows), window);
}

Result<std::size_t> SqlTransaction::erase_activities_before(Timestamp time, std::size_t limit) {
  // The trigger permits deleting rows that are older than this, and only those.
  LATCHKEY_TRYV(write(
      "Erasing old activities",
      "INSERT INTO activity_horizon (one, time) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET time = excluded.time",
      time));
  LATCHKEY_TRY(auto erased, write("Erasing old activities",
                                  "DELETE FROM activities WHERE rowid IN (SELECT rowid FROM activities WHERE "
                                  "created_at < ? ORDER BY created_at LIMIT ?)",
                                  time, sql_limit(limit)));
  LATCHKEY_TRYV(write("Erasing old activities", "DELETE FROM activity_horizon"));
  return static_cast<std::size_t>(erased);
}

}  // namespace latchkey::store
