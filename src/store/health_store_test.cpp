// The promises of every store about the health and the suspension of external keys.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "store/attached_keys.hpp"
#include "store/testing/store_contract.hpp"
#include "testing/sample_rows.hpp"

namespace latchkey::store {

using namespace store::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

class HealthStore : public StoreContract {
 protected:
  const Organization acme_ = organization(1);
  const Organization other_ = organization(2);
  const ExternalKey key_ = external_key(acme_, 1);

  ExternalKeyHealth health() const {
    return {.external_key_id = key_.id,
            .organization = acme_.id,
            .state = KeyHealthState::Refused,
            .since = at(5),
            .reason = "role_missing",
            .cause = "the role is gone",
            .cure = "give it back",
            .last_checked_at = at(9),
            .last_success_at = std::nullopt,
            .alarmed = true};
  }
  ExternalKeySuspension suspension() const {
    return {.external_key_id = key_.id,
            .organization = acme_.id,
            .suspended_at = at(7),
            .suspended_by = "apikey_001",
            .reason = "incident 7"};
  }
  Result<void> put(ExternalKeyHealth row) {
    return write([row](Transaction& tx) { return tx.put(row); });
  }
  std::optional<ExternalKeyHealth> found(const Organization& owner) {
    return get([&](Transaction& tx) { return tx.find_external_key_health(owner.id, key_.id); });
  }
  std::optional<ExternalKeySuspension> suspended(const Organization& owner) {
    return get([&](Transaction& tx) { return tx.find_suspension(owner.id, key_.id); });
  }
};

TEST_P(HealthStore, KeepsAndReplacesTheHealthOfAKey) {
  given(acme_, other_, key_);
  EXPECT_EQ(found(acme_), std::nullopt);
  ASSERT_TRUE(put(health()));
  reopen();
  EXPECT_EQ(found(acme_), health());
  EXPECT_EQ(found(other_), std::nullopt);
  for (auto state : {KeyHealthState::Unknown, KeyHealthState::Healthy, KeyHealthState::Degraded,
                     KeyHealthState::Unreachable, KeyHealthState::Suspended}) {
    ExternalKeyHealth next{.external_key_id = key_.id,
                           .organization = acme_.id,
                           .state = state,
                           .since = at(6),
                           .reason = "",
                           .cause = "",
                           .cure = "",
                           .last_checked_at = at(10),
                           .last_success_at = at(11),
                           .alarmed = false};
    ASSERT_TRUE(put(next));
    EXPECT_EQ(found(acme_), next);
  }
}

TEST_P(HealthStore, RefusesTheHealthOfWhatIsNotThere) {
  given(acme_, other_);
  EXPECT_FALSE(put(health()));
  given(key_);
  auto foreign = health();
  foreign.organization = other_.id;
  EXPECT_FALSE(put(foreign));
}

TEST_P(HealthStore, KeepsASuspensionUntilItIsErased) {
  given(acme_, other_, key_, suspension());
  reopen();
  EXPECT_EQ(suspended(acme_), suspension());
  EXPECT_EQ(suspended(other_), std::nullopt);
  auto again = suspension();
  again.reason = std::nullopt;
  EXPECT_FALSE(write([&](Transaction& tx) { return tx.insert(again); }));
  auto erase = [&](const Organization& by) {
    return write([&](Transaction& tx) { return tx.erase_suspension(by.id, key_.id); }).value();
  };
  EXPECT_FALSE(erase(other_));
  EXPECT_TRUE(erase(acme_));
  EXPECT_FALSE(erase(acme_));
  EXPECT_EQ(suspended(acme_), std::nullopt);
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert(again); }));
  EXPECT_EQ(suspended(acme_), again);
}

TEST_P(HealthStore, ForgetsWhatIsKnownOfAnErasedKey) {
  given(acme_, key_, suspension());
  ASSERT_TRUE(put(health()));
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.erase_external_key(acme_.id, key_.id); }));
  EXPECT_EQ(found(acme_), std::nullopt);
  EXPECT_EQ(suspended(acme_), std::nullopt);
}

TEST_P(HealthStore, ListsTheAttachedKeysOfAllOrganizations) {
  auto foreign = external_key(other_, 2);
  auto loose = external_key(acme_, 3);
  auto home = workspace(acme_, 1);
  home.external_key_id = key_.id;
  auto second = workspace(acme_, 2);
  second.external_key_id = key_.id;
  auto archived = workspace(other_, 3);
  archived.external_key_id = foreign.id;
  archived.archived_at = at(9);
  given(acme_, other_, key_, foreign, loose);
  auto list = [this](std::size_t limit) {
    std::vector<std::string> ids;
    std::optional<std::string> next = "";
    while (next) {
      auto page = get([&](Transaction& tx) { return tx.list_attached_external_keys(*next, limit); });
      EXPECT_LE(page.rows.size(), limit);
      for (const auto& row : page.rows) ids.push_back(row.key.id);
      next = page.next;
    }
    return ids;
  };
  EXPECT_THAT(list(10), IsEmpty());
  given(home, second, archived);
  for (std::size_t limit : {1, 2, 3, 10}) EXPECT_THAT(list(limit), ElementsAre(key_.id, foreign.id)) << limit;
}

TEST_P(HealthStore, EachAttachedKeyIsVisitedOnceHoweverManyThereAre) {
  constexpr int kKeys = 1'001;  // two pages and one key
  given(acme_);
  std::vector<std::string> ids;
  for (int number = 0; number < kKeys; ++number) ids.push_back(fmt::format("ekey_{:04}", number));
  ASSERT_TRUE(write([&](Transaction& tx) -> Result<void> {
    auto key = key_;
    auto home = workspace(acme_, 1);
    for (const auto& id : ids) {
      key.id = id;
      home.id = "wrkspc_" + id;
      home.name = id;
      home.external_key_id = id;
      LATCHKEY_TRYV(tx.insert(key));
      if (id == ids.front() || id == ids[500] || id == ids.back()) {
        ++home.compartment.data[0];
        LATCHKEY_TRYV(tx.insert(home));
      }
    }
    return success();
  }));
  std::vector<std::string> visited;
  auto visit = [&](AttachedKey&& row) { visited.push_back(std::move(row.key.id)); };
  ASSERT_TRUE(run_blocking(visit_attached_keys(store(), visit)));
  EXPECT_THAT(visited, ElementsAre(ids.front(), ids[500], ids.back()));
}

TEST_P(HealthStore, AnAttachedKeyIsListedWithWhatIsKnownOfIt) {
  auto home = workspace(acme_, 1);
  home.external_key_id = key_.id;
  given(acme_, key_, home);
  auto listed = [this] {
    return get([](Transaction& tx) { return tx.list_attached_external_keys("", 10); }).rows.at(0);
  };
  EXPECT_EQ(listed().key, key_);
  EXPECT_EQ(listed().health, std::nullopt);
  ASSERT_TRUE(put(health()));
  EXPECT_EQ(listed().health, health());
}

TEST_P(HealthStore, FindsTheNewestDataKeyUnderAKey) {
  auto home = workspace(acme_, 1);
  auto before = data_key(home, 9);
  before.state = DataKeyState::Active;
  home.external_key_id = key_.id;
  auto first = data_key(home, 1);
  auto away = workspace(acme_, 2);
  away.external_key_id = key_.id;
  auto second = data_key(away, 2);
  given(acme_, other_, key_, home, away);
  auto under = [&](const Organization& owner) {
    return get([&](Transaction& tx) { return tx.find_data_key_under(owner.id, key_.id); });
  };
  EXPECT_EQ(under(acme_), std::nullopt);
  for (const auto& row : {before, second, first}) {
    ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert_active_data_key(row); }));
  }
  EXPECT_EQ(under(acme_), second);
  EXPECT_EQ(under(other_), std::nullopt);
  // A destroyed data key cannot be unwrapped, so it is no probe of the external key.
  ASSERT_TRUE(write([&](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.destroy_data_keys(away.compartment, at(5), 1000));
    return success();
  }));
  EXPECT_EQ(under(acme_), first);
}

LATCHKEY_TEST_EVERY_STORE(HealthStore);

}  // namespace

}  // namespace latchkey::store
