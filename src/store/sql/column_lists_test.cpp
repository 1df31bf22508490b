#include "store/sql/column_lists.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string_view>
#include <tuple>
#include <type_traits>

#include <boost/pfr/tuple_size.hpp>
#include <gtest/gtest.h>

namespace latchkey::store {
namespace {

template <class T>
class ColumnLists : public ::testing::Test {};

using Rows =
    ::testing::Types<Organization, ApiKey, ExternalKey, Workspace, DataKey, LeasePolicy, Activity, ExternalKeyHealth,
                     ExternalKeySuspension, Rewrap, Notice, WebhookEndpoint, WebhookDelivery>;
TYPED_TEST_SUITE(ColumnLists, Rows);

TYPED_TEST(ColumnLists, HaveEveryMemberOfTheRow) {
  constexpr auto kListed = std::tuple_size_v<std::remove_const_t<decltype(Table<TypeParam>::kColumns)>>;
  static_assert(kListed == boost::pfr::tuple_size_v<TypeParam>);
  SUCCEED();
}

TYPED_TEST(ColumnLists, NameNoColumnTwice) {
  std::set<std::string_view> names;
  for_each_column<TypeParam>([&](const auto& column) {
    for (auto name : column.names) EXPECT_TRUE(names.insert(name).second) << name;
  });
}

TYPED_TEST(ColumnLists, HaveAPlaceForEachName) {
  auto commas = [](std::string_view text) { return std::ranges::count(text, ','); };
  EXPECT_EQ(commas(column_places<TypeParam>()), commas(column_names<TypeParam>()));
}

TEST(ColumnListsOfRows, AreSpelledAsStatementsHaveThem) {
  EXPECT_EQ(column_names<LeasePolicy>(), "organization, soft_ms, hard_ms");
  EXPECT_EQ(column_places<LeasePolicy>(), "?, ?, ?");
  EXPECT_EQ(column_updates<ExternalKey>(),
            "display_name = ?, geo = ?, provider = ?, provider_config = ?, updated_at = ?, revision = ?");
  EXPECT_EQ(column_replacements<Rewrap>(),
            "state = excluded.state, target_version = excluded.target_version, started_at = excluded.started_at, "
            "updated_at = excluded.updated_at, error = excluded.error, reason = excluded.reason");
}

TEST(ColumnListsOfRows, HaveSeveralColumnsForAMemberOfSeveralValues) {
  EXPECT_EQ(column_updates<WebhookEndpoint>(),
            "url = ?, description = ?, events = ?, enabled = ?, disabled_reason = ?, secret_key_version = ?, "
            "secret = ?, previous_secret_key_version = ?, previous_secret = ?, previous_secret_expires_at = ?, "
            "updated_at = ?");
}

TEST(ColumnListsOfRows, AnUpdateKeepsWhatAnInsertHasFixed) {
  ExternalKey before{.id = "ekey_1",
                     .organization = {},
                     .display_name = "before",
                     .geo = "us",
                     .provider = "test",
                     .provider_config = "{}",
                     .created_at = Timestamp(std::chrono::microseconds(1)),
                     .updated_at = Timestamp(std::chrono::microseconds(1)),
                     .revision = 1,
                     .suspended = true};
  auto asked = before;
  asked.display_name = "after";
  asked.created_at = Timestamp(std::chrono::microseconds(2));
  asked.updated_at = Timestamp(std::chrono::microseconds(2));
  asked.suspended = false;
  auto after = updated(before, asked);
  EXPECT_EQ(after.display_name, "after");
  EXPECT_EQ(after.updated_at, asked.updated_at);
  EXPECT_EQ(after.created_at, before.created_at);
  EXPECT_TRUE(after.suspended);
}

}  // namespace
}  // namespace latchkey::store
