// No query that a tenant can cause, or that every request runs, walks over a table that tenants fill: SQLite's own plan
// of each query shows it.

#include <functional>

#include <gtest/gtest.h>

#include "store/sql/transaction.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/purge.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/key_place.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;

struct Asked {
  const char* what;
  std::function<void(Transaction&)> ask;
};

std::vector<ListWindow> windows() {
  std::vector<ListWindow> all;
  for (bool newest_first : {true, false}) {
    for (int place = 0; place < 3; ++place) {
      ListWindow window;
      window.newest_first = newest_first;
      if (place == 1) window.after = ListPlace("id", at(1));
      if (place == 2) window.before = ListPlace("id", at(1));
      all.push_back(window);
    }
  }
  all.push_back({.limit = 20, .after = ListPlace("id"), .before = {}, .newest_first = true});
  return all;
}

std::vector<ActivityFilter> filters() {
  std::vector<ActivityFilter> all;
  for (int choice = 0; choice < 16; ++choice) {
    ActivityFilter filter;
    filter.organization = uuid_of(1, 1);
    if ((choice & 1) != 0) filter.types = {"a", "b"};
    if ((choice & 2) != 0) filter.excluded_types = {"c"};
    if ((choice & 4) != 0) filter.actor_ids = {"x", "y"};
    if ((choice & 8) != 0) {
      filter.at_or_after = at(1);
      filter.before = at(9);
    }
    all.push_back(filter);
  }
  return all;
}

std::vector<Asked> queries() {
  auto own = uuid_of(1, 1);
  RawId raw{1};
  auto ends = [](auto&& result) { (void)result; };
  return {
      {"authentication", [=](Transaction& tx) { ends(tx.find_api_key_by_hash(Bytes(32))); }},
      {"the list of API keys", [=](Transaction& tx) { ends(tx.list_api_keys(own)); }},
      {"revoking", [=](Transaction& tx) { ends(tx.revoke_api_key(own, "id", at(1))); }},
      {"revoking a workspace's", [=](Transaction& tx) { ends(tx.revoke_workspace_api_keys("id", at(1))); }},
      {"counts",
       [=](Transaction& tx) {
         ends(tx.count_live_api_keys(own));
         ends(tx.count_external_keys(own));
         ends(tx.count_workspaces(own));
         ends(tx.count_live_workspaces(own));
         ends(tx.count_wrapped("id", "version"));
       }},
      {"external keys",
       [=](Transaction& tx) {
         ends(tx.find_external_key(own, "id"));
         ends(tx.workspaces_using(own, "id", 5));
         ends(tx.is_attached_elsewhere(own, "service/key"));
         ends(tx.erase_external_key(own, "id"));
         for (const auto& window : windows()) ends(tx.list_external_keys(own, window));
       }},
      {"workspaces",
       [=](Transaction& tx) {
         ends(tx.find_workspace(own, "id"));
         WorkspaceFilter filter;
         filter.organization = own;
         for (const auto& window : windows()) ends(tx.list_workspaces(filter, window));
         filter.ids = std::vector<std::string>{"id"};
         for (const auto& window : windows()) ends(tx.list_workspaces(filter, window));
       }},
      {"data keys",
       [=](Transaction& tx) {
         ends(tx.find_active_data_key(own, "id"));
         ends(tx.find_active_data_key(own, std::nullopt));
         ends(tx.find_data_key(own, raw));
         ends(tx.find_data_key_under(own, "id"));
         ends(tx.list_data_keys(own, {}));
         ListWindow further;
         further.after = ListPlace(format_id(id_prefix::kDataKey, raw), at(1));
         ends(tx.list_data_keys(own, further));
         ends(tx.destroy_data_keys(own, at(1), 5));
         ends(tx.wrapped_under_others("id", "version", raw, 5));
         ends(tx.add_data_key_use({DataKeyUse{raw, 1, 1}}, at(1)));
         // Comes last because it fails: there is no such workspace.
         ends(tx.insert_active_data_key(data_key(workspace(organization(1), 1), 1)));
       }},
      {"activities",
       [=](Transaction& tx) {
         for (const auto& filter : filters()) {
           for (const auto& window : windows()) ends(tx.list_activities(filter, window));
         }
         ends(tx.erase_activities_before(at(1), 5));
       }},
      {"health",
       [=](Transaction& tx) {
         ends(tx.find_external_key_health(own, "id"));
         ends(tx.find_suspension(own, "id"));
         ends(tx.erase_suspension(own, "id"));
         ends(tx.find_rewrap("id"));
         ends(tx.list_running_rewraps(std::nullopt, 5));
         ends(tx.list_running_rewraps(Rewrap{}, 5));
         ends(tx.list_attached_external_keys("", 5));
       }},
      {"webhooks",
       [=](Transaction& tx) {
         ends(tx.list_webhook_endpoints(own));
         ends(tx.find_webhook_endpoint(own, "id"));
         ends(tx.find_webhook_delivery("id"));
         for (const auto& window : windows()) ends(tx.list_webhook_deliveries(own, "id", window));
         ends(tx.due_webhook_deliveries(at(1), 5));
         ends(tx.untidy_webhook_endpoints(5, 5));
         ends(tx.fail_pending_webhook_deliveries("id", "why", 5, 5));
         ends(tx.erase_ended_webhook_deliveries("id", 5, 5));
         ends(tx.erase_webhook_deliveries("id", 5));
         ends(tx.erase_webhook_deliveries_before(at(1), 5));
         ends(tx.erase_webhook_endpoint(own, "id"));
       }},
      {"notices",
       [=](Transaction& tx) {
         ends(tx.notices_after(1, 5));
         ends(tx.erase_notices_before(at(1), 5));
       }},
  };
}

struct Plan {
  std::string sql;
  std::vector<std::string> steps;
};

std::vector<Plan> plans_of(SqliteConnection& connection) {
  std::vector<Plan> plans;
  for (const auto& sql : connection.prepared()) {
    if (sql.starts_with("EXPLAIN")) continue;
    auto statement = connection.prepare("EXPLAIN QUERY PLAN " + sql);
    EXPECT_TRUE(statement) << sql;
    if (!statement) continue;
    Plan plan{sql, {}};
    for (;;) {
      auto found = statement.value().step();
      EXPECT_TRUE(found) << sql;
      if (!found || !found.value()) break;
      Row row(statement.value());
      for (int ignored = 0; ignored < 3; ++ignored) (void)row.integer();
      plan.steps.push_back(row.text());
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

// A step is "SCAN workspaces", "SCAN w USING INDEX ...": the name may be an alias, so every unknown name counts as a
// table.
bool walks_over_a_table(const std::string& step) {
  constexpr std::string_view kScan = "SCAN ";
  if (!step.starts_with(kScan)) return false;
  auto rest = step.substr(kScan.size());
  bool harmless =
      rest.starts_with("(") || rest.starts_with("CONSTANT") || rest.find("VIRTUAL TABLE") != std::string::npos;
  // Walks over the rows of a recursion, one at a time, and over the first rows of an index, up to a limit, are fine.
  for (const auto* name : {"kinds", "waiting", "notices", "activity_horizon", "rewraps USING INDEX rewraps_running",
                           "webhook_endpoints USING INDEX webhook_endpoints_left"}) {
    harmless |= rest == name || (std::string_view(name).find(' ') != std::string_view::npos && rest.starts_with(name));
  }
  return !harmless;
}

struct QueryPlanTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("latchkey.db");
  std::unique_ptr<Store> store =
      open_sqlite_store({.path = path, .sealer = testing::sealer_source(), .alarm = {}}).value();
  std::shared_ptr<const RowSealer> sealer = testing::sealer_source()({}).value();
  KeyPlaceOf key_place = place_of_config;
  AlarmSink no_alarm;
  RawId node{};

  std::unique_ptr<SqliteConnection> asked(const std::function<void(Transaction&)>& ask) {
    auto connection = SqliteConnection::open(path, std::chrono::seconds(1)).value();
    EXPECT_TRUE(connection->execute("BEGIN"));
    SqlTransaction transaction(*connection, SqlTransaction::Mode::ReadWrite, node, *sealer, key_place, no_alarm);
    ask(transaction);
    EXPECT_TRUE(connection->execute("ROLLBACK"));
    return connection;
  }
};

TEST_F(QueryPlanTest, NothingWalksOverATableThatTenantsFill) {
  for (const auto& [what, ask] : queries()) {
    auto connection = asked(ask);
    auto plans = plans_of(*connection);
    EXPECT_FALSE(plans.empty()) << what;
    for (const auto& plan : plans) {
      for (const auto& step : plan.steps)
        EXPECT_FALSE(walks_over_a_table(step)) << what << ": " << step << "\n" << plan.sql;
    }
  }
}

TEST_F(QueryPlanTest, WhetherAShreddingIsDoneIsAskedOfItsOwnDataKeys) {
  auto connection = SqliteConnection::open(path, std::chrono::seconds(1)).value();
  ASSERT_TRUE(has_pending_forms(*connection, uuid_of(1, 1)));
  int searches = 0;
  for (const auto& plan : plans_of(*connection)) {
    for (const auto& step : plan.steps) {
      EXPECT_FALSE(walks_over_a_table(step)) << step;
      for (const auto* index : {"data_keys_by_compartment (compartment=?)", "erased_forms_by_data_key (data_key=?)"}) {
        searches += step.find(index) != std::string::npos ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(searches, 2);
}

TEST_F(QueryPlanTest, AFeedIsReadInItsOrder) {
  for (bool filtered : {false, true}) {
    auto connection = asked([&](Transaction& tx) {
      ActivityFilter filter;
      filter.organization = uuid_of(1, 1);
      if (filtered) filter.types = {"a"};
      (void)tx.list_activities(filter, {});
    });
    for (const auto& plan : plans_of(*connection)) {
      bool is_list = plan.sql.find("actor_id, actor") != std::string::npos;
      bool found = false;
      for (const auto& step : plan.steps) {
        found |= step.find("created_at,id)>(?,?) AND (created_at,id)<(?,?)") != std::string::npos;
      }
      EXPECT_EQ(found, is_list) << plan.sql;
    }
  }
}

// Proves that the test above can fail.
TEST_F(QueryPlanTest, AWalkIsSeen) {
  auto connection = asked([](Transaction&) {});
  ASSERT_TRUE(connection->prepare("SELECT name FROM workspaces ORDER BY name"));
  bool seen = false;
  for (const auto& plan : plans_of(*connection)) {
    for (const auto& step : plan.steps) seen |= walks_over_a_table(step);
  }
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace latchkey::store
