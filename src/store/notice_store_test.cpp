// The promises of every store about notices between nodes.
#include <functional>

#include <gmock/gmock.h>

#include "store/sqlite/sqlite_store.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store {

using namespace store::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

namespace {

// Two nodes on one file.
struct NoticeStoreTest : ::testing::Test {
  TemporaryFolder folder;
  std::unique_ptr<Store> one = open();
  std::unique_ptr<Store> two = open();

  std::unique_ptr<Store> open() {
    return open_sqlite_store({.path = folder.file("shared.db"), .sealer = testing::sealer_source(), .alarm = {}})
        .value();
  }

  static Notice key_notice(std::int64_t sequence) {
    return {.kind = NoticeKind::ForgetKey, .external_key_id = "ekey_1", .created_at = at(5), .sequence = sequence};
  }
  static Notice data_key_notice(std::int64_t sequence) {
    return {
        .kind = NoticeKind::ForgetDataKeys, .compartment = uuid_of(2, 1), .created_at = at(6), .sequence = sequence};
  }
  static void notify(Store& store, Notice notice) {
    auto tell = [notice](Transaction& tx) { return tx.notify(notice); };
    ASSERT_TRUE(run_blocking(store.write(tell)));
  }
  static std::vector<Notice> after(Store& store, std::int64_t sequence, std::size_t limit = 100) {
    auto read = [=](Transaction& tx) { return tx.notices_after(sequence, limit); };
    return run_blocking(store.read(read)).value();
  }
  static std::int64_t last(Store& store) {
    auto read = [](Transaction& tx) { return tx.last_notice(); };
    return run_blocking(store.read(read)).value();
  }
};

TEST_F(NoticeStoreTest, ReachTheOtherNodesAndNotTheOwn) {
  EXPECT_EQ(last(*one), 0);
  notify(*one, key_notice(0));
  notify(*one, data_key_notice(0));
  EXPECT_THAT(after(*two, 0), ElementsAre(key_notice(1), data_key_notice(2)));
  EXPECT_THAT(after(*two, 0, 1), ElementsAre(key_notice(1)));
  EXPECT_THAT(after(*two, 1), ElementsAre(data_key_notice(2)));
  EXPECT_THAT(after(*two, 2), IsEmpty());
  EXPECT_THAT(after(*one, 0), IsEmpty());
  // A restarted node is a new node, without leases from before.
  one = open();
  EXPECT_THAT(after(*one, last(*one)), IsEmpty());
}

TEST_F(NoticeStoreTest, AreThereOnceTheTransactionIs) {
  auto fail = [](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.notify(key_notice(0)));
    return Error{ErrorCode::Internal, "as the test says"};
  };
  EXPECT_FALSE(run_blocking(one->write(fail)));
  EXPECT_THAT(after(*two, 0), IsEmpty());
}

TEST_F(NoticeStoreTest, OldOnesAreErasedAndNumbersNeverComeAgain) {
  notify(*one, key_notice(0));
  notify(*one, data_key_notice(0));
  auto erase = [](Transaction& tx) { return tx.erase_notices_before(at(7), 100); };
  ASSERT_TRUE(run_blocking(two->write(erase)));
  EXPECT_THAT(after(*two, 0), IsEmpty());
  EXPECT_EQ(last(*two), 2);
  notify(*one, key_notice(0));
  EXPECT_THAT(after(*two, 2), ElementsAre(key_notice(3)));
}

// What Changes tells of: each of these is noted where it is done, and reaches the other node by a notice.
struct Change {
  std::string name;
  std::function<Result<void>(Transaction&)> make;
};
Result<void> nothing_more(const auto& result) {
  if (!result) return result.error();
  return success();
}

TEST_F(NoticeStoreTest, ChangesOfRowsThatOthersRemember) {
  auto workspace = testing::workspace(kAcme, 1);
  auto key = external_key(kAcme, 1);
  auto of_workspace = api_key(kAcme, 2);
  of_workspace.role = Role::Workspace;
  of_workspace.workspace_id = workspace.id;
  ExternalKeySuspension suspension{.external_key_id = key.id,
                                   .organization = kAcme.id,
                                   .suspended_at = at(3),
                                   .suspended_by = "apikey_1",
                                   .reason = std::nullopt};
  const Change kNone[] = {
      {"organizations", [](Transaction& tx) { return tx.insert(kAcme); }},
      {"another", [](Transaction& tx) { return tx.insert(kOther); }},
      {"a workspace", [&](Transaction& tx) { return tx.insert(workspace); }},
      {"an external key", [&](Transaction& tx) { return tx.insert(key); }},
      {"an API key", [](Transaction& tx) { return tx.insert(api_key(kAcme, 1)); }},
      {"a workspace's", [&](Transaction& tx) { return tx.insert(of_workspace); }},
      {"an activity", [](Transaction& tx) { return tx.insert(activity(kAcme, 1)); }},
  };
  for (const auto& change : kNone) {
    auto as_of = one->changes().now();
    auto done = run_blocking(one->write(change.make));
    ASSERT_TRUE(done) << change.name << done.error().message();
    EXPECT_FALSE(one->changes().has_changed(kAcme.id, as_of)) << change.name;
    EXPECT_THAT(after(*two, 0), IsEmpty()) << change.name;
  }
  const Change kNoted[] = {
      {"update workspace", [&](Transaction& tx) { return tx.update(workspace); }},
      {"update key", [&](Transaction& tx) { return tx.update(key); }},
      {"suspend", [&](Transaction& tx) { return tx.insert(suspension); }},
      {"resume", [&](Transaction& tx) { return nothing_more(tx.erase_suspension(kAcme.id, key.id)); }},
      {"lease policy",
       [](Transaction& tx) {
         return tx.put(LeasePolicy{kAcme.id, 5s, 60s});
       }},
      {"no lease policy", [](Transaction& tx) { return tx.erase_lease_policy(kAcme.id); }},
      {"revoke", [](Transaction& tx) { return nothing_more(tx.revoke_api_key(kAcme.id, "apikey_001", at(4))); }},
      {"revoke all", [&](Transaction& tx) { return tx.revoke_workspace_api_keys(workspace.id, at(4)); }},
      {"erase key", [&](Transaction& tx) { return tx.erase_external_key(kAcme.id, key.id); }},
  };
  for (const auto& change : kNoted) {
    auto as_of = one->changes().now();
    auto seen = last(*two);
    auto fail = [&](Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(change.make(tx));
      return Error{ErrorCode::Internal, "as the test says"};
    };
    EXPECT_FALSE(run_blocking(one->write(fail)));
    EXPECT_FALSE(one->changes().has_changed(kAcme.id, as_of)) << change.name << ", rolled back";
    auto done = run_blocking(one->write(change.make));
    ASSERT_TRUE(done) << change.name << done.error().message();
    EXPECT_TRUE(one->changes().has_changed(kAcme.id, as_of)) << change.name;
    EXPECT_FALSE(one->changes().has_changed(kOther.id, as_of)) << change.name;
    auto notices = after(*two, seen);
    ASSERT_EQ(notices.size(), 1U) << change.name;
    EXPECT_EQ(notices.front().kind, NoticeKind::RowsChanged);
    EXPECT_EQ(notices.front().organization, kAcme.id);
  }
}

}  // namespace
}  // namespace latchkey::store
