#include "keyring/notice_follower.hpp"

#include "keyring/testing/keyring_fixture.hpp"
#include "testing/sealer.hpp"

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;

struct NoticeFollowerTest : testing::KeyringTest {
  // The same file, opened by another node.
  std::unique_ptr<store::Store> elsewhere =
      store::open_sqlite_store({.path = folder + "/store.db", .sealer = store::testing::sealer_source(), .alarm = {}})
          .value();
  NoticeFollower follower{*store, *keyring, clock};

  Result<void> follow() { return run(follower.follow()); }
  void tell(store::Store& from, store::NoticeKind kind, const std::string& key = "ekey_01customer") {
    store::Notice notice;
    notice.kind = kind;
    notice.external_key_id = key;
    notice.compartment = customer.id;
    notice.created_at = clock.now();
    auto notify = [notice](store::Transaction& tx) { return tx.notify(notice); };
    ASSERT_TRUE(run(from.write(notify)));
  }
};

TEST_F(NoticeFollowerTest, AKeyThatRefusesElsewhereIsForgottenHere) {
  tell(*elsewhere, store::NoticeKind::ForgetKey);
  ASSERT_TRUE(follow());
  ASSERT_TRUE(encrypting());
  EXPECT_EQ(keyring->size(), 1U);
  ASSERT_TRUE(follow());
  EXPECT_EQ(keyring->size(), 1U) << "what was before this node's time is not its matter";
  tell(*elsewhere, store::NoticeKind::ForgetKey, "ekey_01another");
  ASSERT_TRUE(follow());
  EXPECT_EQ(keyring->size(), 1U);
  tell(*elsewhere, store::NoticeKind::ForgetKey);
  ASSERT_TRUE(follow());
  EXPECT_EQ(keyring->size(), 0U);
  ASSERT_TRUE(encrypting());
  ASSERT_TRUE(follow());
  EXPECT_EQ(keyring->size(), 1U) << "once";
}

TEST_F(NoticeFollowerTest, WhatOthersChangeIsToldInItsTurn) {
  auto& changes = store->changes();
  auto organization = customer.organization;
  EXPECT_FALSE(changes.is_trusted(clock.age_time())) << "not yet followed";
  ASSERT_TRUE(follow());
  EXPECT_TRUE(changes.is_trusted(clock.age_time()));
  auto as_of = changes.now();
  auto change = [&](store::Transaction& tx) { return tx.erase_lease_policy(organization); };
  ASSERT_TRUE(run(elsewhere->write(change)));
  EXPECT_FALSE(changes.has_changed(organization, as_of));
  ASSERT_TRUE(follow());
  EXPECT_TRUE(changes.has_changed(organization, as_of));
  EXPECT_FALSE(changes.has_changed(Uuid{}, as_of)) << "others have changed nothing";
}

TEST_F(NoticeFollowerTest, WhereNoticesCannotBeReadNothingIsTrustedForLong) {
  auto& changes = store->changes();
  ASSERT_TRUE(follow());
  auto as_of = changes.now();
  store->read_error = Error{ErrorCode::Unavailable, "as the test says"};
  clock.advance(store::kTrustedFor - 1ms);
  EXPECT_FALSE(follow());
  EXPECT_TRUE(changes.is_trusted(clock.age_time()));
  clock.advance(1ms);
  EXPECT_FALSE(changes.is_trusted(clock.age_time()));
  store->read_error.reset();
  EXPECT_FALSE(changes.has_changed(customer.organization, as_of));
  ASSERT_TRUE(follow());
  EXPECT_TRUE(changes.is_trusted(clock.age_time()));
  EXPECT_TRUE(changes.has_changed(customer.organization, as_of)) << "notices may have been forgotten meanwhile";
}

TEST_F(NoticeFollowerTest, NothingIsTrustedBeforeAllNoticesAreFollowed) {
  ASSERT_TRUE(follow());
  clock.advance(store::kTrustedFor);
  auto tell_often = [this](store::Transaction& tx) -> Result<void> {
    store::Notice notice;
    notice.kind = store::NoticeKind::RowsChanged;
    notice.organization = customer.organization;
    notice.created_at = clock.now();
    for (int i = 0; i < 201; ++i) {
      LATCHKEY_TRYV(tx.notify(notice));
    }
    return success();
  };
  ASSERT_TRUE(run(elsewhere->write(tell_often)));
  ASSERT_TRUE(follow());
  EXPECT_FALSE(store->changes().is_trusted(clock.age_time()));
  ASSERT_TRUE(follow());
  EXPECT_TRUE(store->changes().is_trusted(clock.age_time()));
}

// No tenant's lists wait there.
TEST_F(NoticeFollowerTest, NoticesAreLookedUpInTheLaneWhereNoListsWait) {
  ASSERT_TRUE(follow());
  for (auto kind : {store::NoticeKind::ForgetKey, store::NoticeKind::ForgetDataKeys}) {
    tell(*elsewhere, kind);
    store->look_ups = store->reads = 0;
    ASSERT_TRUE(follow());
    EXPECT_GT(store->look_ups, 0);
    EXPECT_EQ(store->reads, 0);
  }
}

TEST_F(NoticeFollowerTest, OnesOwnNoticesAreNotFollowed) {
  ASSERT_TRUE(follow());
  ASSERT_TRUE(encrypting());
  tell(*store, store::NoticeKind::ForgetKey);
  ASSERT_TRUE(follow());
  EXPECT_EQ(keyring->size(), 1U);
}

TEST_F(NoticeFollowerTest, DataKeysThatWereDestroyedElsewhereAreForgottenHere) {
  ASSERT_TRUE(follow());
  auto [other, other_key] = second_data_key();
  ASSERT_TRUE(encrypting());
  EXPECT_EQ(keyring->size(), 2U);
  auto destroy = [this](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.destroy_data_keys(customer.id, clock.now(), 1000));
    return success();
  };
  ASSERT_TRUE(run(elsewhere->write(destroy)));
  tell(*elsewhere, store::NoticeKind::ForgetDataKeys);
  ASSERT_TRUE(follow());
  EXPECT_EQ(keyring->size(), 1U);
  EXPECT_TRUE(decrypting(other, other_key));
}

TEST_F(NoticeFollowerTest, WhatCouldNotBeReadIsFollowedLater) {
  ASSERT_TRUE(follow());
  ASSERT_TRUE(encrypting());
  tell(*elsewhere, store::NoticeKind::ForgetKey);
  store->read_error = Error{ErrorCode::Unavailable, "as the test says"};
  EXPECT_FALSE(follow());
  EXPECT_EQ(keyring->size(), 1U);
  store->read_error.reset();
  ASSERT_TRUE(follow());
  EXPECT_EQ(keyring->size(), 0U);
}

TEST_F(NoticeFollowerTest, OldNoticesAreErased) {
  tell(*elsewhere, store::NoticeKind::ForgetKey);
  auto left = [this] {
    auto read = [](store::Transaction& tx) { return tx.notices_after(0, 10); };
    return run(store->read(read)).value().size();
  };
  ASSERT_TRUE(follow());
  clock.advance(std::chrono::hours(24));
  ASSERT_TRUE(follow());
  EXPECT_EQ(left(), 1U);
  clock.advance(std::chrono::hours(2));
  ASSERT_TRUE(follow());
  EXPECT_EQ(left(), 0U);
}

TEST_F(NoticeFollowerTest, AWorkspaceWithAnyNumberOfDataKeysIsFollowedPageByPage) {
  ASSERT_TRUE(follow());
  ASSERT_TRUE(encrypting());
  auto more = [this](store::Transaction& tx) -> Result<void> {
    // Newer than the one that is held, which so comes on the last page.
    for (int number = 0; number < 450; ++number) {
      LATCHKEY_TRY(auto active, tx.find_active_data_key(customer.id, customer.external_key_id));
      auto next = *active;
      next.id = {static_cast<std::uint8_t>(0xf0 + number / 256), static_cast<std::uint8_t>(number % 256)};
      next.created_at += std::chrono::microseconds(1);
      LATCHKEY_TRYV(tx.replace_active_data_key(active->id, next));
    }
    LATCHKEY_TRYV(tx.destroy_data_keys(customer.id, clock.now(), 1000));
    return success();
  };
  ASSERT_TRUE(run(elsewhere->write(more)));
  EXPECT_EQ(keyring->size(), 1U);
  tell(*elsewhere, store::NoticeKind::ForgetDataKeys);
  ASSERT_TRUE(follow());
  EXPECT_EQ(keyring->size(), 0U);
}

}  // namespace
}  // namespace latchkey::keyring
