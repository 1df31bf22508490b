// What a newer schema does to existing rows.
#include "store/sqlite/schema.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/sqlite/connection.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;

std::size_t place_of(std::string_view name) {
  auto found = std::ranges::find(migrations(), name, &Migration::name);
  return static_cast<std::size_t>(found - migrations().begin());
}

TEST(SchemaTest, AnOlderDatabasesWebhookBacklogsAreCountedAndBounded) {
  TemporaryFolder folder;
  auto path = folder.file("latchkey.db");
  std::ofstream(path, std::ios::binary);
  auto connection = SqliteConnection::open(path, std::chrono::seconds(1)).value();
  ASSERT_TRUE(migrate(*connection, migrations().first(place_of("webhook backlogs"))));
  auto given = [&](std::string_view endpoint, std::string_view state, int count) {
    return connection->execute(fmt::format(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {2}) INSERT INTO "
        "webhook_deliveries (id, organization, endpoint_id, event_id, event_type, body, state, attempts, created_at, "
        "next_attempt_at) SELECT '{0} {1} ' || n, x'01000000000000000000000000000001', '{0}', '', '', '', '{1}', 0, n, "
        "iif('{1}' = 'pending', n, "
        "NULL) FROM numbers",
        endpoint, state, count));
  };
  ASSERT_TRUE(connection->execute("INSERT INTO organizations VALUES (x'01000000000000000000000000000001', 'Acme', 1)"));
  for (const auto* endpoint : {"whep_1", "whep_2"}) {
    ASSERT_TRUE(connection->execute(fmt::format(
        "INSERT INTO webhook_endpoints (id, organization, url, description, events, enabled, disabled_reason, "
        "secret_key_version, secret, created_at, updated_at) VALUES ('{}', x'01000000000000000000000000000001', '', "
        "'', '', 1, '', '', x'', 1, 1)",
        endpoint)));
  }
  ASSERT_TRUE(given("whep_1", "pending", 1003));
  ASSERT_TRUE(given("whep_1", "delivered", 5));
  ASSERT_TRUE(given("whep_2", "pending", 2));
  ASSERT_TRUE(migrate(*connection, migrations()));
  RawSqlite raw(path);
  EXPECT_EQ(raw.query("SELECT group_concat(id || ': ' || pending_deliveries || ' ' || ended_deliveries, ', ') FROM "
                      "(SELECT * FROM webhook_endpoints ORDER BY id)"),
            "whep_1: 1000 8, whep_2: 2 0");
  EXPECT_EQ(
      raw.query("SELECT group_concat(id, ', ') FROM (SELECT id FROM webhook_deliveries WHERE state = 'failed' AND "
                "last_error LIKE '%given up%' ORDER BY created_at)"),
      "whep_1 pending 1, whep_1 pending 2, whep_1 pending 3");
}

}  // namespace
}  // namespace latchkey::store
