// The lists: every window on them, and every filter.
#include <algorithm>
#include <limits>

#include <gmock/gmock.h>

#include "store/testing/store_contract.hpp"
#include "testing/sample_rows.hpp"

namespace latchkey::store {

namespace {

using namespace store::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The ids run against the order of insertion, three per moment: a page without the tie-break would lose some.
constexpr std::uint8_t kRows = 8;

template <class Row>
Row tied(Row row, std::uint8_t number) {
  row.created_at = at(1000 + number / 3);
  return row;
}

template <class Row>
std::vector<std::string> ids_of(const std::vector<Row>& rows) {
  std::vector<std::string> ids;
  for (const auto& row : rows) ids.push_back(row.id);
  return ids;
}

template <class Row>
std::vector<Row> in_order(std::vector<Row> rows, bool newest_first) {
  std::ranges::sort(rows, [&](const Row& left, const Row& right) {
    bool earlier = std::tie(left.created_at, left.id) < std::tie(right.created_at, right.id);
    bool later = std::tie(right.created_at, right.id) < std::tie(left.created_at, left.id);
    return newest_first ? later : earlier;
  });
  return rows;
}

enum class Travel { FromTheTop, After, Before };

// Compares every limit from every row in every direction with slices of the sorted rows.
template <class Row, class List>
void expect_every_window(const std::vector<Row>& rows, List list) {
  for (bool newest_first : {true, false}) {
    auto expected = in_order(rows, newest_first);
    auto size = expected.size();
    for (auto travel : {Travel::FromTheTop, Travel::After, Travel::Before}) {
      for (std::size_t cursor = 0; cursor < (travel == Travel::FromTheTop ? 1 : size); ++cursor) {
        for (std::size_t limit = 0; limit <= size + 1; ++limit) {
          ListWindow window;
          window.limit = limit;
          window.newest_first = newest_first;
          if (travel == Travel::After) window.after = expected[cursor].id;
          if (travel == Travel::Before) window.before = expected[cursor].id;
          std::size_t first = travel == Travel::After ? cursor + 1 : 0;
          std::size_t last = travel == Travel::Before ? cursor : size;
          bool has_more = last - first > limit;
          if (has_more)
            (travel == Travel::Before ? first : last) = travel == Travel::Before ? last - limit : first + limit;
          Page<Row> page = list(window);
          auto where = fmt::format("newest_first={} travel={} cursor={} limit={}", newest_first,
                                   static_cast<int>(travel), cursor, limit);
          EXPECT_EQ(page.rows, std::vector<Row>(expected.begin() + static_cast<std::ptrdiff_t>(first),
                                                expected.begin() + static_cast<std::ptrdiff_t>(last)))
              << where;
          EXPECT_EQ(page.has_more, has_more) << where;
        }
      }
    }
  }
}

}  // namespace

class StorePaging : public StoreContract {
 protected:
  template <class Row, class Make>
  std::vector<Row> make_rows(Make make) {
    std::vector<Row> rows;
    auto done = write([&](Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(tx.insert(kAcme));
      LATCHKEY_TRYV(tx.insert(kOther));
      for (std::uint8_t i = 0; i < kRows; ++i) {
        rows.push_back(tied(make(kAcme, static_cast<std::uint8_t>(kRows - i)), i));
        LATCHKEY_TRYV(tx.insert(rows.back()));
      }
      for (std::uint8_t i = 0; i < kRows; ++i) {
        LATCHKEY_TRYV(tx.insert(tied(make(kOther, static_cast<std::uint8_t>(100 + i)), i)));
      }
      return success();
    });
    EXPECT_TRUE(done) << done.error().message();
    return rows;
  }
  std::vector<std::string> activity_ids(const ActivityFilter& filter) {
    ListWindow window;
    window.newest_first = false;
    return ids_of(get([&](Transaction& tx) { return tx.list_activities(filter, window); }).rows);
  }
  std::vector<std::string> workspace_ids(const WorkspaceFilter& filter) {
    ListWindow window;
    window.newest_first = false;
    return ids_of(get([&](Transaction& tx) { return tx.list_workspaces(filter, window); }).rows);
  }
};

TEST_P(StorePaging, ExternalKeysInEveryWindow) {
  auto rows = make_rows<ExternalKey>(external_key);
  expect_every_window(rows, [&](const ListWindow& window) {
    return get([&](Transaction& tx) { return tx.list_external_keys(kAcme.id, window); });
  });
}

TEST_P(StorePaging, WorkspacesInEveryWindow) {
  auto rows = make_rows<Workspace>(workspace);
  WorkspaceFilter filter;
  filter.organization = kAcme.id;
  expect_every_window(rows, [&](const ListWindow& window) {
    return get([&](Transaction& tx) { return tx.list_workspaces(filter, window); });
  });
}

TEST_P(StorePaging, ActivitiesInEveryWindow) {
  auto rows = make_rows<Activity>(activity);
  ActivityFilter filter;
  filter.organization = kAcme.id;
  expect_every_window(rows, [&](const ListWindow& window) {
    return get([&](Transaction& tx) { return tx.list_activities(filter, window); });
  });
}

TEST_P(StorePaging, ALimitBeyondEveryNumberIsAllRows) {
  auto rows = make_rows<ExternalKey>(external_key);
  ListWindow window;
  window.limit = std::numeric_limits<std::size_t>::max();
  auto page = get([&](Transaction& tx) { return tx.list_external_keys(kAcme.id, window); });
  EXPECT_EQ(page.rows.size(), rows.size());
  EXPECT_FALSE(page.has_more);
}

TEST_P(StorePaging, AnEmptyListHasNoMore) {
  given(kAcme);
  auto page = get([](Transaction& tx) { return tx.list_external_keys(kAcme.id, {}); });
  EXPECT_THAT(page.rows, IsEmpty());
  EXPECT_FALSE(page.has_more);
}

TEST_P(StorePaging, RefusesACursorThatIsNotInTheList) {
  auto foreign = external_key(kOther, 9);
  auto key = external_key(kAcme, 1);
  given(kAcme, kOther, key, foreign);
  WorkspaceFilter workspaces;
  workspaces.organization = kAcme.id;
  ActivityFilter activities;
  activities.organization = kAcme.id;
  auto empty_range = activities;
  empty_range.after = Timestamp::max();
  auto expect_invalid = [&](const ListWindow& window) {
    auto code_of = [](const auto& result) { return result ? std::nullopt : std::optional(result.error().code); };
    EXPECT_EQ(code_of(read([&](Transaction& tx) { return tx.list_external_keys(kAcme.id, window); })),
              ErrorCode::Invalid);
    EXPECT_EQ(code_of(read([&](Transaction& tx) { return tx.list_workspaces(workspaces, window); })),
              ErrorCode::Invalid);
    EXPECT_EQ(code_of(read([&](Transaction& tx) { return tx.list_activities(activities, window); })),
              ErrorCode::Invalid);
    EXPECT_EQ(code_of(read([&](Transaction& tx) { return tx.list_activities(empty_range, window); })),
              ErrorCode::Invalid);
  };
  for (const std::string& cursor : {std::string(), std::string("nothing"), foreign.id, std::string("a\0b", 3),
                                    std::string("' OR 1=1 --"), std::string(1 << 20, 'x')}) {
    ListWindow window;
    window.after = cursor;
    expect_invalid(window);
    std::swap(window.after, window.before);
    expect_invalid(window);
  }
  ListWindow both;
  both.after = key.id;
  both.before = key.id;
  expect_invalid(both);
}

// An invalid cursor is the caller's mistake, not the database's failure: the transaction goes on.
TEST_P(StorePaging, ARefusedCursorDoesNotEndTheTransaction) {
  auto done = write([](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.insert(kAcme));
    ListWindow window;
    window.after = ListPlace("nothing");
    EXPECT_FALSE(tx.list_external_keys(kAcme.id, window));
    return tx.insert(external_key(kAcme, 1));
  });
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(get([](Transaction& tx) { return tx.list_external_keys(kAcme.id, {}); }).rows.size(), 1U);
}

TEST_P(StorePaging, WorkspacesByEveryFilter) {
  auto main = workspace(kAcme, 1);
  main.is_default = true;
  auto live = workspace(kAcme, 2);
  auto archived = workspace(kAcme, 3);
  archived.archived_at = at(1);
  auto foreign = workspace(kOther, 4);
  given(kAcme, kOther, main, live, archived, foreign);
  struct Case {
    bool include_archived;
    bool include_default;
    std::optional<std::vector<std::string>> ids;
    std::vector<std::string> expected;
  };
  const Case cases[] = {
      {false, false, std::nullopt, {live.id}},
      {true, false, std::nullopt, {live.id, archived.id}},
      {false, true, std::nullopt, {main.id, live.id}},
      {true, true, std::nullopt, {main.id, live.id, archived.id}},
      {true, true, std::vector<std::string>{}, {}},
      {true, true, std::vector<std::string>{archived.id, main.id, "wrkspc_none", foreign.id}, {main.id, archived.id}},
      {false, false, std::vector<std::string>{archived.id, main.id}, {}},
      {true, true, std::vector<std::string>{"\"", "\xff", std::string("\0", 1), "[]", live.id}, {live.id}},
  };
  for (const auto& c : cases) {
    WorkspaceFilter filter;
    filter.organization = kAcme.id;
    filter.include_archived = c.include_archived;
    filter.include_default = c.include_default;
    filter.ids = c.ids;
    EXPECT_EQ(workspace_ids(filter), c.expected);
  }
}

TEST_P(StorePaging, AWorkspaceThatLeftTheListIsStillACursor) {
  auto first = workspace(kAcme, 1);
  auto second = workspace(kAcme, 2);
  auto third = workspace(kAcme, 3);
  given(kAcme, first, second, third);
  second.archived_at = at(1);
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.update(second); }));
  WorkspaceFilter filter;
  filter.organization = kAcme.id;
  ListWindow window;
  window.newest_first = false;
  window.after = second.id;
  EXPECT_THAT(get([&](Transaction& tx) { return tx.list_workspaces(filter, window); }).rows, ElementsAre(third));
}

TEST_P(StorePaging, APlaceWithATimeOutlivesItsRow) {
  auto rows = make_rows<ExternalKey>(external_key);
  ListWindow window;
  window.newest_first = false;
  window.limit = rows.size();
  auto listed = get([&](Transaction& tx) { return tx.list_external_keys(kAcme.id, window); }).rows;
  for (std::size_t i = 0; i + 1 < listed.size(); ++i) {
    const auto& gone = listed[i];
    ASSERT_TRUE(write([&](Transaction& tx) { return tx.erase_external_key(kAcme.id, gone.id); }));
    window.after = ListPlace(gone.id, gone.created_at);
    EXPECT_EQ(ids_of(get([&](Transaction& tx) { return tx.list_external_keys(kAcme.id, window); }).rows),
              ids_of(std::vector(listed.begin() + static_cast<std::ptrdiff_t>(i) + 1, listed.end())));
  }
}

TEST_P(StorePaging, ActivitiesByEveryFilter) {
  auto make = [](std::uint32_t number, std::string type, std::string actor) {
    auto row = activity(kAcme, number);
    row.created_at = at(number);
    row.type = std::move(type);
    row.actor_id = std::move(actor);
    return row;
  };
  auto one = make(1, "created", "ann");
  auto two = make(2, "updated", "bob");
  auto three = make(3, "deleted", "ann");
  auto foreign = activity(kOther, 4);
  foreign.created_at = at(2);
  given(kAcme, kOther, one, two, three, foreign);
  struct Case {
    std::function<void(ActivityFilter&)> set;
    std::vector<std::string> expected;
  };
  const Case cases[] = {
      {[](auto&) {}, {one.id, two.id, three.id}},
      {[](auto& f) {
         f.types = {"created", "deleted", "none"};
       },
       {one.id, three.id}},
      {[](auto& f) { f.types = {"none"}; }, {}},
      {[](auto& f) { f.excluded_types = {"created"}; }, {two.id, three.id}},
      {[](auto& f) { f.actor_ids = {"ann"}; }, {one.id, three.id}},
      {[](auto& f) { f.types = {"created"}, f.actor_ids = {"bob"}; }, {}},
      {[](auto& f) { f.at_or_after = at(2); }, {two.id, three.id}},
      {[](auto& f) { f.after = at(2); }, {three.id}},
      {[](auto& f) { f.at_or_before = at(2); }, {one.id, two.id}},
      {[](auto& f) { f.before = at(2); }, {one.id}},
      {[](auto& f) { f.after = at(1), f.before = at(3); }, {two.id}},
      {[](auto& f) { f.at_or_after = at(3), f.after = at(1); }, {three.id}},
      {[](auto& f) { f.at_or_after = at(1), f.after = at(2); }, {three.id}},
      {[](auto& f) { f.at_or_before = at(1), f.before = at(3); }, {one.id}},
      {[](auto& f) { f.at_or_after = at(3), f.at_or_before = at(1); }, {}},
      {[](auto& f) { f.after = Timestamp::max(); }, {}},
      {[](auto& f) { f.before = Timestamp::min(); }, {}},
      {[](auto& f) { f.after = Timestamp::min(), f.before = Timestamp::max(); }, {one.id, two.id, three.id}},
  };
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    ActivityFilter filter;
    filter.organization = kAcme.id;
    cases[i].set(filter);
    EXPECT_EQ(activity_ids(filter), cases[i].expected) << i;
  }
}

// Compares every filter, in both orders and from every place, with a plain walk over all rows.
TEST_P(StorePaging, ActivitiesAsAWalkOverAllFindsThem) {
  std::vector<Activity> all;
  const std::vector<std::string> types{"created", "deleted", "updated"};
  const std::vector<std::string> actors{"ann", "bob"};
  for (std::uint32_t number = 0; number < 24; ++number) {
    auto row = activity(kAcme, (number * 7) % 24);
    row.created_at = at(number / 3);  // three per moment
    row.type = types[number % types.size()];
    row.actor_id = actors[(number / 5) % actors.size()];
    all.push_back(row);
  }
  given(kAcme, kOther, activity(kOther, 99));
  ASSERT_TRUE(write([&](Transaction& tx) -> Result<void> {
    for (const auto& row : all) {
      LATCHKEY_TRYV(tx.insert(row));
    }
    return success();
  }));
  std::ranges::sort(all, {}, [](const auto& row) { return std::pair(row.created_at, row.id); });
  std::vector<ActivityFilter> filters;
  for (const auto& only : std::vector<std::vector<std::string>>{{}, {"created"}, {"created", "updated", "created"}}) {
    for (const auto& none_of : std::vector<std::vector<std::string>>{{}, {"updated", "unknown"}}) {
      for (const auto& who : std::vector<std::vector<std::string>>{{}, {"ann"}, {"ann", "bob", "nobody"}}) {
        ActivityFilter filter;
        filter.organization = kAcme.id;
        filter.types = only;
        filter.excluded_types = none_of;
        filter.actor_ids = who;
        filters.push_back(filter);
        filter.after = at(1);
        filter.at_or_before = at(6);
        filters.push_back(filter);
      }
    }
  }
  auto has = [](const std::vector<std::string>& texts, const std::string& text) {
    return std::ranges::find(texts, text) != texts.end();
  };
  for (const auto& filter : filters) {
    for (bool newest_first : {true, false}) {
      std::vector<std::string> expected;
      for (const auto& row : all) {
        bool in = (filter.types.empty() || has(filter.types, row.type)) && !has(filter.excluded_types, row.type) &&
                  (filter.actor_ids.empty() || has(filter.actor_ids, row.actor_id)) &&
                  (!filter.after || row.created_at > *filter.after) &&
                  (!filter.at_or_before || row.created_at <= *filter.at_or_before);
        if (in) expected.push_back(row.id);
      }
      if (newest_first) std::ranges::reverse(expected);
      for (bool backwards : {false, true}) {
        std::vector<std::string> walked;
        ListWindow window;
        window.newest_first = newest_first;
        window.limit = 4;
        if (backwards && !expected.empty()) window.before = expected.back();
        for (;;) {
          auto page = get([&](Transaction& tx) { return tx.list_activities(filter, window); });
          auto ids = ids_of(page.rows);
          walked.insert(backwards ? walked.begin() : walked.end(), ids.begin(), ids.end());
          if (!page.has_more) break;
          backwards ? window.before.emplace(ids.front()) : window.after.emplace(ids.back());
        }
        if (backwards && !expected.empty()) walked.push_back(expected.back());
        EXPECT_EQ(walked, expected) << newest_first << backwards;
      }
    }
  }
}

TEST_P(StorePaging, OldActivitiesAreErasedAFewAtATime) {
  given(kAcme, kOther);
  ASSERT_TRUE(write([&](Transaction& tx) -> Result<void> {
    for (std::uint32_t number = 1; number <= 9; ++number) {
      auto row = activity(number % 2 == 0 ? kAcme : kOther, number);
      row.created_at = at(number);
      LATCHKEY_TRYV(tx.insert(row));
    }
    return success();
  }));
  auto erase = [&](std::int64_t before, std::size_t limit) {
    return write([&](Transaction& tx) { return tx.erase_activities_before(at(before), limit); });
  };
  ActivityFilter own;
  own.organization = kAcme.id;
  EXPECT_EQ(erase(1, 100).value(), 0U);
  EXPECT_EQ(erase(6, 3).value(), 3U);
  EXPECT_EQ(activity_ids(own).size(), 3U) << "4, 6 and 8: the oldest went first, of any organisation";
  EXPECT_EQ(erase(6, 3).value(), 2U);
  EXPECT_EQ(erase(6, 3).value(), 0U);
  EXPECT_EQ(activity_ids(own).size(), 2U);
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.erase_activities_before(at(9), 1); })) << "in a read";
}

LATCHKEY_TEST_EVERY_STORE(StorePaging);

}  // namespace latchkey::store
