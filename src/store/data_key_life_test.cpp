// The promises of every store about a data key after its first wrap: replaced, counted, rewrapped, destroyed, listed.
#include <gmock/gmock.h>

#include "store/testing/store_contract.hpp"
#include "testing/matchers.hpp"
#include "testing/sample_rows.hpp"

namespace latchkey::store {

namespace {

using namespace store::testing;
using latchkey::testing::IsError;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DataKeyLife : public StoreContract {
 protected:
  DataKeyLife() {
    home.external_key_id = key.id;
    away.external_key_id = key.id;
    given(kAcme, key, other_key, home, away);
  }

  DataKey insert(const Workspace& workspace, std::uint8_t number) {
    auto row = data_key(workspace, number);
    return write([&](Transaction& tx) { return tx.insert_active_data_key(row); }).value();
  }
  std::optional<DataKey> find(const DataKey& row) {
    return get([&](Transaction& tx) { return tx.find_data_key(row.compartment, row.id); });
  }
  Result<std::optional<DataKey>> replace(const RawId& old, const DataKey& row) {
    return write([&](Transaction& tx) { return tx.replace_active_data_key(old, row); });
  }
  void archive(Workspace row) {
    row.archived_at = at(700);
    ASSERT_TRUE(write([&](Transaction& tx) { return tx.update(row); }));
  }
  Page<DataKey> list(std::size_t limit, std::optional<ListPlace> after = std::nullopt) {
    ListWindow window;
    window.limit = limit;
    window.after = std::move(after);
    return get([&](Transaction& tx) { return tx.list_data_keys(home.compartment, window); });
  }

  ExternalKey key = external_key(kAcme, 1);
  ExternalKey other_key = external_key(kAcme, 2);
  Workspace home = workspace(kAcme, 1);
  Workspace away = workspace(kAcme, 2);
};

}  // namespace

TEST_P(DataKeyLife, AReplacedKeyIsRetired) {
  auto first = insert(home, 1);
  auto second = data_key(home, 2);
  EXPECT_EQ(replace(first.id, second).value(), second);
  first.state = DataKeyState::Retired;
  first.retired_at = second.created_at;
  reopen();
  EXPECT_EQ(find(first), first);
  EXPECT_EQ(find(second), second);
}

TEST_P(DataKeyLife, AKeyIsReplacedOnce) {
  auto first = insert(home, 1);
  auto second = data_key(home, 2);
  auto late = data_key(home, 3);
  ASSERT_TRUE(replace(first.id, second));
  EXPECT_EQ(replace(first.id, late).value(), second);
  EXPECT_EQ(find(late), std::nullopt);
  EXPECT_EQ(replace(RawId{9}, late).value(), second);
}

TEST_P(DataKeyLife, AKeyOfAnotherPlaceIsNotReplaced) {
  auto elsewhere = insert(away, 1);
  auto platforms = data_key(home, 2);
  platforms.external_key_id.reset();
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert_active_data_key(platforms); }));
  EXPECT_EQ(replace(elsewhere.id, data_key(home, 3)).value(), std::nullopt);
  EXPECT_EQ(replace(platforms.id, data_key(home, 4)).value(), std::nullopt);
  EXPECT_EQ(find(elsewhere), elsewhere);
  EXPECT_EQ(find(platforms), platforms);
}

TEST_P(DataKeyLife, AnArchivedWorkspaceGetsNoNewKey) {
  auto first = insert(home, 1);
  archive(home);
  archive(away);
  auto fresh = data_key(away, 2);
  EXPECT_THAT(write([&](Transaction& tx) { return tx.insert_active_data_key(fresh); }), IsError(ErrorCode::Invalid));
  EXPECT_THAT(replace(first.id, data_key(home, 3)), IsError(ErrorCode::Invalid));
  EXPECT_EQ(find(first), first);
  EXPECT_EQ(find(fresh), std::nullopt);
}

TEST_P(DataKeyLife, UseIsAddedUp) {
  auto first = insert(home, 1);
  auto second = insert(away, 2);
  auto use = [&](std::vector<DataKeyUse> uses, Timestamp when) {
    return write([&](Transaction& tx) { return tx.add_data_key_use(uses, when); });
  };
  ASSERT_TRUE(use({{first.id, 3, 1000}, {second.id, 0, 0}, {RawId{9}, 1, 1}}, at(900)));
  ASSERT_TRUE(use({{first.id, 1, 24}}, at(901)));
  first.records = 4;
  first.bytes = 1024;
  first.last_used_at = at(901);
  second.last_used_at = at(900);
  reopen();
  EXPECT_EQ(find(first), first);
  EXPECT_EQ(find(second), second);
}

TEST_P(DataKeyLife, RewrapsWhatIsStillTheSame) {
  auto row = insert(home, 1);
  auto rewrap = [&](const DataKey& before, Bytes wrapped) {
    return write([&](Transaction& tx) { return tx.rewrap_data_key(before, "version new", wrapped, at(950)); }).value();
  };
  EXPECT_TRUE(rewrap(row, Bytes{1, 2}));
  EXPECT_FALSE(rewrap(row, Bytes{3, 4}));
  auto after = row;
  after.wrapped = {1, 2};
  after.key_version = "version new";
  after.rewrapped_at = at(950);
  EXPECT_EQ(find(row), after);
}

TEST_P(DataKeyLife, FindsWhatOtherVersionsWrapped) {
  auto first = insert(home, 1);
  auto second = insert(away, 2);
  auto third = data_key(home, 3);
  ASSERT_TRUE(replace(first.id, third));
  auto others = [&](std::string_view external, std::string_view version, std::optional<RawId> after,
                    std::size_t limit) {
    std::vector<RawId> ids;
    for (const auto& row :
         get([&](Transaction& tx) { return tx.wrapped_under_others(external, version, after, limit); }))
      ids.push_back(row.id);
    return ids;
  };
  EXPECT_THAT(others(key.id, "version 2", std::nullopt, 10), ElementsAre(first.id, third.id));
  EXPECT_THAT(others(key.id, "version 2", first.id, 10), ElementsAre(third.id));
  EXPECT_THAT(others(key.id, "none", std::nullopt, 2), ElementsAre(first.id, second.id));
  EXPECT_THAT(others(other_key.id, "none", std::nullopt, 2), IsEmpty());
  auto count = [&](std::string_view version) {
    return get([&](Transaction& tx) { return tx.count_wrapped(key.id, version); });
  };
  EXPECT_EQ(count("version 2"), (WrappedCount{3, 2}));
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.destroy_data_keys(home.compartment, at(960), 1000); }));
  EXPECT_EQ(count("version 2"), (WrappedCount{1, 0}));
  EXPECT_THAT(others(key.id, "none", std::nullopt, 10), ElementsAre(second.id));
}

TEST_P(DataKeyLife, DestroyedKeysStayDestroyed) {
  auto first = insert(home, 1);
  auto second = data_key(home, 2);
  ASSERT_TRUE(replace(first.id, second));
  auto elsewhere = insert(away, 3);
  auto destroy = [&](Timestamp when) {
    return write([&](Transaction& tx) { return tx.destroy_data_keys(home.compartment, when, 1000); }).value();
  };
  first.state = DataKeyState::Retired;
  first.retired_at = second.created_at;
  EXPECT_THAT(destroy(at(970)), ElementsAre(first, second));
  EXPECT_THAT(destroy(at(971)), IsEmpty());
  reopen();
  for (auto row : {first, second}) {
    row.state = DataKeyState::Destroyed;
    row.destroyed_at = at(970);
    auto before = row;
    row.wrapped.clear();
    EXPECT_EQ(find(row), row);
    EXPECT_FALSE(write([&](Transaction& tx) { return tx.rewrap_data_key(before, "v", Bytes{1}, at(972)); }).value());
    ASSERT_TRUE(write([&](Transaction& tx) { return tx.add_data_key_use({{row.id, 1, 1}}, at(973)); }));
    EXPECT_EQ(find(row), row);
  }
  EXPECT_EQ(find(elsewhere), elsewhere);
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_active_data_key(home.compartment, key.id); }), std::nullopt);
}

TEST_P(DataKeyLife, ListsNewestFirstPageByPage) {
  std::vector<DataKey> rows{insert(home, 1)};
  for (std::uint8_t number = 2; number <= 5; ++number) {
    auto next = data_key(home, number);
    if (number == 4) next.created_at = rows.back().created_at;
    ASSERT_TRUE(replace(rows.back().id, next));
    rows.push_back(next);
  }
  insert(away, 6);
  std::vector<RawId> seen;
  std::optional<ListPlace> after;
  for (bool more = true; more;) {
    auto page = list(2, after);
    for (const auto& row : page.rows) seen.push_back(row.id);
    after = ListPlace(format_id(id_prefix::kDataKey, page.rows.back().id), page.rows.back().created_at);
    more = page.has_more;
  }
  EXPECT_THAT(seen, ElementsAre(rows[4].id, rows[3].id, rows[2].id, rows[1].id, rows[0].id));
  EXPECT_FALSE(list(5).has_more);
}

TEST_P(DataKeyLife, KeepsTheLatestRewrapOfAKey) {
  Rewrap running{key.id, kAcme.id, RewrapState::Running, "v2", at(1), at(2), std::nullopt, std::nullopt};
  Rewrap stopped{other_key.id, kAcme.id, RewrapState::Stopped, "v9", at(3), at(4), "it is disabled", "key_disabled"};
  auto put = [&](const Rewrap& row) { return write([&](Transaction& tx) { return tx.put(row); }); };
  ASSERT_TRUE(put(running));
  ASSERT_TRUE(put(stopped));
  reopen();
  auto found = [&](const std::string& id) { return get([&](Transaction& tx) { return tx.find_rewrap(id); }); };
  EXPECT_EQ(found(key.id), running);
  EXPECT_EQ(found(other_key.id), stopped);
  EXPECT_EQ(found("ekey_none"), std::nullopt);
  auto running_behind = [&](const std::optional<Rewrap>& after, std::size_t limit) {
    return get([&](Transaction& tx) { return tx.list_running_rewraps(after, limit); });
  };
  auto all_running = [&] { return running_behind(std::nullopt, 10); };
  EXPECT_THAT(all_running(), ElementsAre(running));
  EXPECT_THAT(running_behind(running, 10), IsEmpty());
  auto as_old = stopped;
  as_old.state = RewrapState::Running;
  as_old.started_at = running.started_at;
  ASSERT_TRUE(put(as_old));
  auto first = running_behind(std::nullopt, 1);
  ASSERT_EQ(first.size(), 1U);
  auto second = running_behind(first.front(), 1);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(first.front().external_key_id, second.front().external_key_id);
  ASSERT_TRUE(put(stopped));
  running.state = RewrapState::Completed;
  running.target_version = "v3";
  running.updated_at = at(9);
  ASSERT_TRUE(put(running));
  EXPECT_EQ(found(key.id), running);
  EXPECT_THAT(all_running(), IsEmpty());
}

LATCHKEY_TEST_EVERY_STORE(DataKeyLife);

}  // namespace latchkey::store
