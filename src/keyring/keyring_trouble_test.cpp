// Keys that refuse, that cannot be asked, and that may not be asked.
#include <gmock/gmock.h>

#include "keyring/testing/keyring_fixture.hpp"
#include "kms/reasons.hpp"
#include "testing/matchers.hpp"
#include "testing/reasons.hpp"

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;
using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using testing::kIdle;

class KeyringTroubleTest : public testing::KeyringTest {};

TEST_F(KeyringTroubleTest, ARefusalDropsEveryLeaseAndIsRemembered) {
  auto id = encrypting().value().key->id();
  auto [other, other_id] = second_data_key();
  clock.advance(kIdle);
  provider.unwraps = 0;
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  auto refused = decrypting(id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(refused.error().reason, kms::reason::kKeyDisabled);
  EXPECT_EQ(keyring->size(), 0U);
  EXPECT_EQ(provider.unwraps, 1);
  EXPECT_THAT(decrypting(other, other_id), IsErrorFor(kms::reason::kKeyDisabled));
  EXPECT_THAT(encrypting(other), IsErrorFor(kms::reason::kKeyDisabled));
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringTroubleTest, ARefusedKeyIsProbedInTheBackgroundAndComesBackByItself) {
  auto id = encrypting().value().key->id();
  auto [other, other_id] = second_data_key();
  clock.advance(kIdle);
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  EXPECT_FALSE(decrypting(id));
  provider.unwraps = 0;
  for (int second = 0; second < 60; ++second) {
    EXPECT_FALSE(decrypting(id));
    EXPECT_FALSE(decrypting(other, other_id));
    clock.advance(1s);
    run_background_task();
    context.restart();
    context.run();
  }
  EXPECT_EQ(provider.unwraps, 2) << "10 s after the refusal, and 20 s after that; the next would be 40 s later";
  provider.unwrap_error.reset();
  for (int second = 0; second < 10; ++second) {
    clock.advance(1s);
    run_background_task();
    context.restart();
    context.run();
  }
  EXPECT_EQ(provider.unwraps, 3);
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(provider.unwraps, 3) << "the probe's data key is the one that was refused";
  EXPECT_TRUE(encrypting(other));
}

TEST_F(KeyringTroubleTest, ABlockedNetworkIsARefusalToo) {
  auto id = encrypting().value().key->id();
  clock.advance(kIdle);
  provider.unwrap_error = error(ErrorCode::NetworkBlocked, latchkey::testing::kVaultFirewall);
  EXPECT_THAT(decrypting(id), IsError(ErrorCode::NetworkBlocked));
  EXPECT_EQ(keyring->size(), 0U);
}

TEST_F(KeyringTroubleTest, ConcurrentRequestsAllLearnOfARefusalFromOneQuestion) {
  auto id = encrypting().value().key->id();
  clock.advance(kIdle);
  provider.unwraps = 0;
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  int refused = 0;
  at_once(100, [&]() -> Task<void> {
    auto lease = co_await keyring->for_decryption(customer, id, soon());
    refused += !lease && lease.error().code == ErrorCode::KeyDenied ? 1 : 0;
  });
  EXPECT_EQ(refused, 100);
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringTroubleTest, AnOutageIsBridgedToHardAndNotPastIt) {
  auto lease = encrypting().value();
  auto id = lease.key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable, kms::reason::kTimedOut);
  for (auto age = 60s; age < 3600s; age += 30s) {
    clock.advance(age == 60s ? 60s : 30s);
    bool awaited = age == 60s;  // the first answer is on its way
    auto bridged = decrypting(id);
    ASSERT_TRUE(bridged) << age.count();
    EXPECT_EQ(bridged.value().expires_at, lease.expires_at);
    EXPECT_EQ(bridged.value().ask_again_at, std::min(clock.age_time() + (awaited ? 25ms : 1s), lease.expires_at));
    auto written = encrypting();
    ASSERT_TRUE(written) << age.count();
    EXPECT_EQ(written.value().key->id(), id);
  }
  clock.advance(30s);
  auto gone = decrypting(id);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(keyring->size(), 0U);
}

TEST_F(KeyringTroubleTest, AColdDataKeyIsToldOfAnOutageFromMemory) {
  auto id = encrypting().value().key->id();
  forget_leases();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable, kms::reason::kTimedOut);
  provider.unwraps = 0;
  for (int i = 0; i < 10; ++i) {
    auto lease = decrypting(id);
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code, ErrorCode::KeyUnreachable);
    EXPECT_EQ(lease.error().reason, kms::reason::kTimedOut);
  }
  EXPECT_EQ(provider.unwraps, 1);
  EXPECT_EQ(decrypting(id).error().retry_after, 1s);
  provider.unwrap_error.reset();
  clock.advance(1s);
  EXPECT_TRUE(decrypting(id));
}

TEST_F(KeyringTroubleTest, TheObserverHearsOfProofsRefusalsAndOutages) {
  struct Observer final : KeyObserver {
    void proved(const std::string& key) override { told.push_back(key + " proved"); }
    void failed(const std::string& key, const Error& why) override {
      told.push_back(key + " " + std::string(why.reason.code()));
    }
    std::vector<std::string> told;
  } observer;
  keyring =
      std::make_unique<Keyring>(*store, provider, clock, random, context.get_executor(), KeyringSettings{}, &observer);
  auto id = encrypting().value().key->id();
  clock.advance(kIdle);
  provider.unwrap_error = error(ErrorCode::KeyUnreachable, kms::reason::kTimedOut);
  EXPECT_TRUE(decrypting(id));
  clock.advance(kIdle);
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  EXPECT_FALSE(decrypting(id));
  auto platform = customer;
  platform.external_key_id.reset();
  platform.key = {};
  platform.id = make_uuid(random);
  platform.workspace_id = make_id(id_prefix::kWorkspace, random);
  prepare(platform);
  EXPECT_TRUE(encrypting(platform));
  EXPECT_EQ(observer.told, (std::vector<std::string>{"ekey_01customer proved", "ekey_01customer timed_out",
                                                     "ekey_01customer key_disabled"}));
}

TEST_F(KeyringTroubleTest, DuringAnOutageTheKeyIsNotAskedByEveryRequest) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable, kms::reason::kTimedOut);
  clock.advance(kIdle);
  provider.unwraps = 0;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(provider.unwraps, 1);
  clock.advance(2s);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(provider.unwraps, 2);
}

TEST_F(KeyringTroubleTest, AnOutageThatEndsInARefusalEndsAccess) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.advance(kIdle);
  EXPECT_TRUE(decrypting(id));
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  clock.advance(2s);
  // Asked behind this request, so it is the last one.
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(keyring->size(), 0U);
  EXPECT_THAT(decrypting(id), IsError(ErrorCode::KeyDenied));
}

TEST_F(KeyringTroubleTest, AnOutageThatEndsIsOver) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.advance(kIdle);
  EXPECT_TRUE(decrypting(id));
  provider.unwrap_error.reset();
  clock.advance(2s);
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(decrypting(id).value().expires_at, clock.age_time() + 1h);
}

// A key that may not be asked: its leases are dropped, and it is not asked, whatever is wanted.
struct ForbiddenKeyTest : testing::KeyringTest {
  ForbiddenKeyTest() {
    KeyringSettings settings;
    settings.data_keys.max_age = 1h;
    settings.access_check = [this](store::Transaction&, const Uuid& organization,
                                   std::string_view key) -> Result<void> {
      if (forbidden != key || organization != customer.organization) return success();
      return error(ErrorCode::KeyDenied, kms::reason::kSuspended);
    };
    start(settings);
    id = encrypting().value().key->id();
    provider.wraps = provider.unwraps = 0;
  }
  std::string forbidden;
  RawId id{};
};

TEST_F(ForbiddenKeyTest, IsNeitherAskedToUnwrapNorToWrap) {
  forbidden = *customer.external_key_id;
  clock.advance(kIdle);
  EXPECT_THAT(decrypting(id), IsErrorFor(kms::reason::kSuspended));
  EXPECT_EQ(keyring->size(), 0U);
  EXPECT_THAT(encrypting(), IsErrorFor(kms::reason::kSuspended));
  EXPECT_THAT(encrypting(neighbour()), IsErrorFor(kms::reason::kSuspended));
  EXPECT_EQ(provider.wraps + provider.unwraps, 0);
  forbidden.clear();
  EXPECT_TRUE(decrypting(id));
}

// The provider asks for leave before each attempt, and is refused it: no word of the key's.
TEST_F(ForbiddenKeyTest, SuspendedBetweenTwoAttemptsItLosesItsLeasesAndNoMore) {
  clock.advance(kIdle);
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kSuspended);
  provider.wrap_error = provider.unwrap_error;
  EXPECT_THAT(decrypting(id), IsErrorFor(kms::reason::kSuspended));
  EXPECT_THAT(encrypting(neighbour()), IsErrorFor(kms::reason::kSuspended));
  EXPECT_EQ(keyring->size(), 0U);
  provider.unwrap_error.reset();
  provider.wrap_error.reset();
  EXPECT_TRUE(decrypting(id)) << "at once, for nothing is remembered against the key";
  EXPECT_TRUE(encrypting(neighbour()));
}

// And where the store cannot say, nothing is known: as where it cannot be read at all.
TEST_F(ForbiddenKeyTest, WhereTheStoreCannotSayNothingIsRememberedOfTheKey) {
  clock.advance(kIdle);
  provider.unwrap_error = error(ErrorCode::Unavailable);
  EXPECT_TRUE(decrypting(id)) << "the lease bridges it";
  EXPECT_FALSE(encrypting(neighbour()));
  provider.unwrap_error.reset();
  EXPECT_TRUE(encrypting(neighbour()));
}

TEST_F(ForbiddenKeyTest, IsNotRenewedInTheBackground) {
  // Due, whatever the jitter, and not yet too old to be used.
  constexpr auto kDue = 60'500ms;
  clock.advance(kDue);
  EXPECT_TRUE(decrypting(id));
  context.restart();
  context.run();
  provider.unwraps = 0;
  forbidden = *customer.external_key_id;
  clock.advance(kDue);
  EXPECT_TRUE(decrypting(id)) << "nobody has looked yet";
  context.restart();
  context.run();
  EXPECT_EQ(keyring->size(), 0U);
  EXPECT_EQ(provider.unwraps, 0);
}

TEST_F(ForbiddenKeyTest, GetsNoNewDataKey) {
  auto before = stored();
  clock.advance(2h);
  provider.while_unwrapping = [&] { forbidden = *customer.external_key_id; };
  EXPECT_THAT(encrypting(), IsErrorFor(kms::reason::kSuspended)) << "suspended while its key answered";
  EXPECT_EQ(provider.unwraps, 1);
  context.restart();
  context.run();
  EXPECT_EQ(provider.wraps, 0);
  EXPECT_EQ(stored(), before);
  // Another key is no matter of it.
  provider.while_unwrapping = nullptr;
  forbidden = "ekey_01other";
  clock.advance(kIdle);
  EXPECT_TRUE(encrypting());
  context.restart();
  context.run();
  EXPECT_EQ(provider.wraps, 1);
}

}  // namespace
}  // namespace latchkey::keyring
