// Write access to the database gives no access to data: the test changes every column of every sealed table, and then
// does every read of that table.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "store/sealed_rows.hpp"
#include "store/testing/sealing_fixture.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAreArray;

// The names by which a row is looked up.
struct Names {
  Uuid organization{};
  Uuid compartment{};
  std::string id;
  RawId data_key{};
  std::optional<std::string> external_key;
  std::string endpoint;
  Bytes hash;
};

// The rows that a read gave, each as the text that is sealed of it.
using Texts = std::vector<std::string>;

template <class Row>
void add_texts(Texts& texts, const std::vector<Row>& rows) {
  for (const auto& row : rows) texts.push_back(hex_encode(seal_text(row).bytes()));
}
template <class Row>
void add_texts(Texts& texts, const Page<Row>& page) {
  add_texts(texts, page.rows);
}
template <class Row>
void add_texts(Texts& texts, const std::optional<Row>& row) {
  if (row) add_texts(texts, std::vector{*row});
}
void add_texts(Texts& texts, const AttachedKeys& page) {
  for (const auto& row : page.rows) add_texts(texts, std::vector{row.key});
}

template <class Rows>
Result<Texts> texts_of(const Result<Rows>& rows) {
  if (!rows) return rows.error();
  Texts texts;
  add_texts(texts, rows.value());
  return texts;
}

struct SealedRead {
  std::string_view name;
  std::function<Result<Texts>(Transaction&, const Names&)> read;
  bool gives_the_sample = true;  // false: the row is given only after a change
};

struct SealedTable {
  std::string_view name;
  std::string_view key;              // the column that tells its rows apart
  std::set<std::string> tells_only;  // columns by which nothing is decided
  std::vector<SealedRead> reads;     // all that give its rows
};

#define READ(call) #call, [](Transaction& tx, const Names& names [[maybe_unused]]) { return texts_of(tx.call); }

const std::vector<SealedTable>& tables() {
  constexpr std::size_t kAll = 100;
  static const std::vector<SealedTable> kTables{
      {"api_keys", "id", {}, {{READ(find_api_key_by_hash(names.hash))}, {READ(list_api_keys(names.organization))}}},
      {"external_keys",
       "id",
       {},
       {{READ(find_external_key(names.organization, names.id))},
        {READ(list_external_keys(names.organization, {}))},
        {READ(list_attached_external_keys("", kAll))}}},
      {"workspaces",
       "id",
       {},
       {{READ(find_workspace(names.organization, names.id))},
        {READ(list_workspaces({names.organization, true, true, std::nullopt}, {}))},
        {READ(workspaces_using(names.organization, names.external_key.value_or(""), kAll))}}},
      {"data_keys",
       "id",
       {"last_used_at", "records", "bytes"},
       {{READ(find_active_data_key(names.compartment, names.external_key))},
        {READ(find_data_key(names.compartment, names.data_key))},
        {READ(find_data_key_under(names.organization, names.external_key.value_or("")))},
        {READ(list_data_keys(names.compartment, {}))},
        {READ(wrapped_under_others(names.external_key.value_or(""), "another", std::nullopt, kAll))},
        {READ(data_keys_under_other_root_keys("another", std::nullopt, kAll)), false}}},
      {"lease_policies", "organization", {}, {{READ(find_lease_policy(names.organization))}}},
      {"external_key_suspensions",
       "external_key_id",
       {},
       {{READ(find_suspension(names.organization, names.external_key.value_or("")))}}},
      {"webhook_endpoints",
       "id",
       {"pending_deliveries", "ended_deliveries"},
       {{READ(find_webhook_endpoint(names.organization, names.id))},
        {READ(list_webhook_endpoints(names.organization))},
        {READ(webhooks_under_other_root_keys("another", "", kAll))}}},
      {"webhook_deliveries",
       "id",
       {"state", "attempts", "next_attempt_at", "last_attempt_at", "last_status", "last_error"},
       {{READ(find_webhook_delivery(names.id))},
        {READ(list_webhook_deliveries(names.organization, names.endpoint, {}))},
        {READ(due_webhook_deliveries(at(10'000), kAll))}}},
  };
  return kTables;
}

#undef READ

struct Change {
  std::string sql;
  bool decides = true;
};

class SealedReadsTest : public SealingTest {
 protected:
  std::vector<std::string> columns(const SealedTable& table) {
    return query_list(fmt::format("SELECT name AS value FROM pragma_table_info('{}') ORDER BY cid", table.name));
  }

  // The values that a column can be changed to, as SQL.
  std::vector<std::string> other_values(const SealedTable& table, const std::string& column) {
    auto of = [&](const char* what) {
      return query(fmt::format("SELECT {} FROM pragma_table_info('{}') WHERE name = '{}'", what, table.name, column));
    };
    auto type = of("type");
    std::vector<std::string> values;
    if (type == "INTEGER") values = {fmt::format("coalesce({}, 0) + 1", column)};
    if (type == "TEXT") values = {fmt::format("coalesce({}, '') || 'x'", column), "''"};
    if (type == "BLOB") values = {fmt::format("randomblob(max(length(coalesce({}, x'')), 1))", column)};
    EXPECT_THAT(values, Not(IsEmpty())) << table.name << "." << column << " is " << type;
    if (of("\"notnull\"") == "0") values.emplace_back("NULL");
    return values;
  }

  // Changes each column to each other value, uses the seal of another row of the table, and puts the whole row under
  // another id.
  std::vector<Change> changes(const SealedTable& table, const std::string& another_seal) {
    std::vector<Change> all;
    auto names = columns(table);
    for (const auto& column : names) {
      for (const auto& value : other_values(table, column)) {
        if (query(fmt::format("SELECT {0} IS NOT ({1}) FROM {2}", column, value, table.name)) != "1") continue;
        all.push_back(
            {fmt::format("UPDATE {} SET {} = {}", table.name, column, value), !table.tells_only.contains(column)});
      }
    }
    all.push_back({fmt::format("UPDATE {} SET seal = x'{}'", table.name, another_seal)});
    std::vector<std::string> copied;
    for (const auto& column : names) {
      copied.push_back(column == table.key ? other_values(table, column).front() : column);
    }
    // Where a column must be unique, the copy replaces the row.
    all.push_back({fmt::format("INSERT OR REPLACE INTO {0} SELECT {1} FROM {0}", table.name, fmt::join(copied, ", "))});
    return all;
  }

  // The names of the table's newest row; those that the row does not have come from `names`.
  Names names_in(const SealedTable& table, Names names) {
    auto value_of = [&](const std::string& column) {
      auto hex = query(fmt::format("SELECT hex({}) FROM {} ORDER BY rowid DESC", column, table.name));
      return hex_decode(hex).value();
    };
    auto text_of = [&](const std::string& column) {
      auto bytes = value_of(column);
      return std::string(bytes.begin(), bytes.end());
    };
    auto copy_id = [](const Bytes& bytes, auto& id) {
      if (bytes.size() == std::size(id)) std::ranges::copy(bytes, std::begin(id));
    };
    for (const auto& column : columns(table)) {
      if (column == "organization") copy_id(value_of(column), names.organization.data);
      if (column == "compartment") copy_id(value_of(column), names.compartment.data);
      if (column == "id" && table.name == "data_keys") copy_id(value_of(column), names.data_key);
      if (column == "id") names.id = text_of(column);
      if (column == "external_key_id") names.external_key = text_of(column);
      if (column == "endpoint_id") names.endpoint = text_of(column);
      if (column == "hash") names.hash = value_of(column);
    }
    if (names.external_key == "") names.external_key.reset();
    return names;
  }

  // No read may return any row but `untouched`, and at least one must raise the alarm.
  void expect_no_data(const SealedTable& table, const std::vector<Names>& all_names, const Texts& untouched) {
    int alarms = 0;
    for (const auto& one : table.reads) {
      for (const auto& names : all_names) {
        SCOPED_TRACE(one.name);
        auto given = read([&](Transaction& tx) { return one.read(tx, names); });
        if (given) {
          EXPECT_THAT(given.value(), IsSubsetOf(untouched));
        } else {
          EXPECT_THAT(given.error().message(), HasSubstr("When a row does not verify"));
        }
        auto reported = take_alarms();
        EXPECT_TRUE(given || !reported.empty());
        EXPECT_THAT(reported, Each(StartsWith(fmt::format("{} ", table.name))));
        alarms += static_cast<int>(reported.size());
      }
    }
    EXPECT_GT(alarms, 0);
  }

  // The sample's text, which every read returns, except those that say otherwise.
  Texts expect_the_sample(const SealedTable& table, const Names& names) {
    std::set<std::string> seen;
    for (const auto& one : table.reads) {
      auto given = read([&](Transaction& tx) { return one.read(tx, names); });
      EXPECT_TRUE(given) << one.name << ": " << given.error().message();
      if (!given) continue;
      EXPECT_EQ(given.value().size(), one.gives_the_sample ? 1U : 0U) << one.name;
      seen.insert(given.value().begin(), given.value().end());
    }
    EXPECT_EQ(seen.size(), 1U) << table.name;
    return {seen.begin(), seen.end()};
  }

  // A valid seal of a row that no longer exists.
  std::string seal_of_another(const SealedTable& table) {
    auto seal = query(fmt::format("SELECT hex(seal) FROM {} ORDER BY rowid DESC", table.name));
    EXPECT_EQ(tamper(fmt::format("DELETE FROM {0} WHERE rowid = (SELECT max(rowid) FROM {0})", table.name)), "");
    return seal;
  }
};

TEST_F(SealedReadsTest, EveryTableIsSealedAndReadHereOrDecidesNothing) {
  std::vector<std::string> read_here;
  for (const auto& table : tables()) {
    read_here.emplace_back(table.name);
    EXPECT_THAT(table.reads, Not(IsEmpty())) << table.name;
  }
  EXPECT_THAT(sealed_tables(), UnorderedElementsAreArray(read_here));
  // docs/security.md says that these have no seal; "root_key" has its own.
  std::vector<std::string> others{"organizations", "activities",   "activity_horizon", "external_key_health",
                                  "rewraps",       "erased_forms", "notices",          "root_key"};
  others.insert(others.end(), read_here.begin(), read_here.end());
  EXPECT_THAT(query_list("SELECT name AS value FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"),
              UnorderedElementsAreArray(others));
}

// Covers each column of each table, also later ones: the columns that decide nothing are named above.
TEST_F(SealedReadsTest, EveryColumnThatDecidesIsNoticed) {
  given_all();
  given_others();
  std::map<std::string_view, std::string> other_seals;
  for (const auto& table : tables()) other_seals[table.name] = seal_of_another(table);
  ASSERT_EQ(refused(), 0);
  int changed = 0;
  for (const auto& table : tables()) {
    Names of_sample;
    of_sample.external_key = key_.id;
    auto before = names_in(table, of_sample);
    auto sample = expect_the_sample(table, before);
    for (const auto& change : changes(table, other_seals.at(table.name))) {
      SCOPED_TRACE(change.sql);
      ASSERT_EQ(tamper(fmt::format("CREATE TABLE kept AS SELECT * FROM {}; {};", table.name, change.sql)), "");
      bool copies = change.sql.starts_with("INSERT");
      if (change.decides) {
        EXPECT_EQ(refused(), 1);
        expect_no_data(table, {before, names_in(table, before)}, copies ? sample : Texts());
      }
      ASSERT_EQ(
          tamper(fmt::format("DELETE FROM {0}; INSERT INTO {0} SELECT * FROM kept; DROP TABLE kept;", table.name)), "");
      ASSERT_EQ(refused(), 0);
      ++changed;
    }
    EXPECT_EQ(expect_the_sample(table, before), sample);
  }
  EXPECT_GT(changed, 90);
}

// The key's row is marked as suspended, so removing its suspension is noticed.
TEST_F(SealedReadsTest, ASuspensionThatIsGoneIsNoticed) {
  given_all();
  ASSERT_EQ(tamper("DELETE FROM external_key_suspensions"), "");
  auto got = read([&](Transaction& tx) { return tx.find_suspension(kAcme.id, key_.id); });
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message(), HasSubstr("When a row does not verify"));
  EXPECT_THAT(take_alarms(), ElementsAre("external_key_suspensions ekey_001"));
}

}  // namespace
}  // namespace latchkey::store
