#include "keyring/keyring.hpp"

#include <boost/asio/thread_pool.hpp>
#include <gmock/gmock.h>

#include "envelope/wrapped_data_key.hpp"
#include "keyring/testing/keyring_fixture.hpp"
#include "kms/reasons.hpp"
#include "testing/matchers.hpp"

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;
using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using testing::kIdle;

using testing::FakeProvider;
using testing::KeyringTest;

// Making the first data key.

TEST_F(KeyringTest, TheFirstDataKeyIsWrappedProvenAndDurable) {
  auto lease = encrypting();
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_EQ(provider.wraps, 1);
  EXPECT_EQ(provider.unwraps, 1);
  EXPECT_EQ(lease.value().external_key_id, customer.external_key_id);
  EXPECT_EQ(lease.value().expires_at, clock.age_time() + 1h);
  EXPECT_EQ(lease.value().ask_again_at, clock.age_time() + 60s);
  auto row = stored();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->id, lease.value().key->id());
  EXPECT_EQ(row->key_version, "v1");
  EXPECT_EQ(row->organization, customer.organization);
  EXPECT_EQ(row->created_at, clock.now());
}

TEST_F(KeyringTest, AnotherKeyringOpensWhatTheFirstMade) {
  auto made = encrypting().value();
  start({});
  auto opened = decrypting(made.key->id());
  ASSERT_TRUE(opened);
  EXPECT_TRUE(crypto::equal_constant_time(opened.value().key->material(), made.key->material()));
  auto again = encrypting();
  ASSERT_TRUE(again);
  EXPECT_EQ(again.value().key->id(), made.key->id());
}

TEST_F(KeyringTest, AHundredFirstEncryptionsMakeOneDataKey) {
  int good = 0;
  at_once(100, [&]() -> Task<void> {
    auto lease = co_await keyring->for_encryption(customer, soon());
    good += lease ? 1 : 0;
  });
  EXPECT_EQ(good, 100);
  EXPECT_EQ(provider.wraps, 1);
  EXPECT_EQ(provider.unwraps, 1);
  EXPECT_EQ(keyring->size(), 1U);
}

TEST_F(KeyringTest, AKeyThatWrapsAndDoesNotUnwrapMakesNothing) {
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  auto lease = encrypting();
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().reason, kms::reason::kKeyDisabled);
  EXPECT_FALSE(stored());
  EXPECT_EQ(keyring->size(), 0U);
  // The refusal is remembered: wrapping is not tried in vain.
  EXPECT_FALSE(encrypting());
  EXPECT_EQ(provider.wraps, 1);
  clock.advance(10s);
  EXPECT_FALSE(encrypting());
  EXPECT_EQ(provider.wraps, 2);
}

TEST_F(KeyringTest, AKeyThatGivesOtherBytesBackMakesNothing) {
  provider.mangles = true;
  auto lease = encrypting();
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, ErrorCode::Corrupt);
  EXPECT_EQ(lease.error().reason, kms::reason::kRoundTripMismatch);
  EXPECT_FALSE(stored());
  EXPECT_EQ(keyring->size(), 0U);
}

TEST_F(KeyringTest, WithoutADurableRowThereIsNoLease) {
  store->write_error = error(ErrorCode::Unavailable);
  auto lease = encrypting();
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(keyring->size(), 0U);
  store->write_error.reset();
  EXPECT_FALSE(stored());
  EXPECT_TRUE(encrypting());
}

TEST_F(KeyringTest, AStoreThatCannotBeReadAsksNoKey) {
  store->read_error = error(ErrorCode::Unavailable);
  EXPECT_THAT(encrypting(), IsError(ErrorCode::Unavailable));
  EXPECT_EQ(provider.wraps + provider.unwraps, 0);
}

TEST_F(KeyringTest, TheLoserOfARaceUsesTheWinnersRow) {
  FakeProvider winners_provider;
  Keyring winner(*store, winners_provider, clock, random, context.get_executor(), {});
  std::optional<store::DataKey> winners;
  // Between our wrap and our insert another node makes its own.
  store->first = [&](store::Transaction& tx) -> Result<void> {
    auto key = envelope::DataKey::create(make_raw_id(random), crypto::SecretBytes::random(32, random)).value();
    auto payload = envelope::make_wrap_payload({customer.organization, customer.id, key.id()}, key);
    Bytes wrapped = to_bytes(payload.reveal());
    for (auto& byte : wrapped) byte ^= 0x5c;
    winners = store::DataKey{key.id(), customer.organization,       customer.id, customer.external_key_id, "v1",
                             wrapped,  store::DataKeyState::Active, clock.now()};
    LATCHKEY_TRYV(tx.insert_active_data_key(*winners));
    return success();
  };
  auto lease = encrypting();
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_EQ(lease.value().key->id(), winners->id);
  EXPECT_EQ(stored()->id, winners->id);
  EXPECT_EQ(provider.unwraps, 2);
  EXPECT_EQ(keyring->size(), 1U);
}

TEST_F(KeyringTest, ARefusedWrapIsRememberedAndSparesDecryption) {
  auto id = encrypting().value().key->id();
  auto other = neighbour();
  provider.wrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyExpired);
  EXPECT_THAT(encrypting(other), IsErrorFor(kms::reason::kKeyExpired));
  EXPECT_THAT(encrypting(other), IsErrorFor(kms::reason::kKeyExpired));
  EXPECT_EQ(provider.wraps, 2);
  EXPECT_EQ(keyring->size(), 1U);
  EXPECT_TRUE(decrypting(id));
}

TEST_F(KeyringTest, AWrapRefusedForGoodDropsLeasesToo) {
  ASSERT_TRUE(encrypting());
  auto other = neighbour();
  provider.wrap_error = error(ErrorCode::KeyDenied, kms::reason::kRoleMissing);
  EXPECT_FALSE(encrypting(other));
  EXPECT_EQ(keyring->size(), 0U);
}

// Leases.

TEST_F(KeyringTest, AHundredDecryptionsUnwrapOnce) {
  auto id = encrypting().value().key->id();
  forget_leases();
  provider.unwraps = 0;
  int good = 0;
  at_once(100, [&]() -> Task<void> {
    auto lease = co_await keyring->for_decryption(customer, id, soon());
    good += lease ? 1 : 0;
  });
  EXPECT_EQ(good, 100);
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringTest, EncryptionsAndDecryptionsShareTheUnwrap) {
  auto id = encrypting().value().key->id();
  start({});
  provider.unwraps = 0;
  int turn = 0;
  at_once(40, [&]() -> Task<void> {
    bool encrypts = turn++ % 2 == 0;
    if (encrypts) {
      (void)co_await keyring->for_encryption(customer, soon());
    } else {
      (void)co_await keyring->for_decryption(customer, id, soon());
    }
  });
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringTest, EvictionDropsTheLeasesOfThatKeyAlone) {
  auto id = encrypting().value().key->id();
  auto elsewhere = customer;
  elsewhere.id = make_uuid(random);
  elsewhere.workspace_id = make_id(id_prefix::kWorkspace, random);
  elsewhere.external_key_id = "ekey_01other";
  prepare(elsewhere);
  ASSERT_TRUE(encrypting(elsewhere));
  EXPECT_EQ(keyring->size(), 2U);
  keyring->evict(*customer.external_key_id);
  EXPECT_EQ(keyring->size(), 1U);
  provider.unwraps = 0;
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringTest, AResponseFromBeforeAnEvictionIsAskedForAgain) {
  auto id = encrypting().value().key->id();
  forget_leases();
  provider.unwraps = 0;
  provider.while_unwrapping = [&] {
    if (provider.unwraps == 1) forget_leases();
  };
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(provider.unwraps, 2);
}

TEST_F(KeyringTest, LeasesAreBounded) {
  KeyringSettings settings;
  settings.max_leases = 3;
  start(settings);
  ASSERT_TRUE(encrypting());
  for (int i = 0; i < 5; ++i) (void)second_data_key();
  EXPECT_EQ(keyring->size(), 3U);
}

// The platform's own key.

TEST_F(KeyringTest, WithoutAnExternalKeyThePlatformsKeyWraps) {
  auto plain = neighbour();
  plain.id = make_uuid(random);
  plain.workspace_id = make_id(id_prefix::kWorkspace, random);
  plain.external_key_id.reset();
  plain.key = {};
  prepare(plain);
  provider.unwrap_error = error(ErrorCode::KeyDenied);
  auto lease = encrypting(plain);
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_FALSE(lease.value().external_key_id);
  clock.advance(2h);
  EXPECT_TRUE(decrypting(plain, lease.value().key->id()));

  // A key is attached: what was written before stays readable by the platform's key, what comes is the customer's.
  auto attached = plain;
  attached.external_key_id = customer.external_key_id;
  attached.key = customer.key;
  EXPECT_TRUE(decrypting(attached, lease.value().key->id()));
  EXPECT_THAT(encrypting(attached), IsError(ErrorCode::KeyDenied));
  provider.unwrap_error.reset();
  clock.advance(10s);
  auto own = encrypting(attached);
  ASSERT_TRUE(own);
  EXPECT_NE(own.value().key->id(), lease.value().key->id());
  EXPECT_EQ(own.value().external_key_id, customer.external_key_id);
}

// What clients use on their own machines.

TEST_F(KeyringTest, AClientAsksAgainWithinTheLongestClientLeaseWhateverSoftIs) {
  KeyringSettings settings;
  settings.longest_client_lease = 10s;
  start(settings);
  auto lease = encrypting().value();
  EXPECT_EQ(lease.ask_again_at, clock.age_time() + 10s);
  clock.advance(55s);
  EXPECT_EQ(decrypting(lease.key->id()).value().ask_again_at, clock.age_time() + 5s) << "soft is sooner";
}

TEST_F(KeyringTest, ALeaseHoldsUntilItIsDropped) {
  auto id = encrypting().value().key->id();
  EXPECT_TRUE(keyring->holds(customer, id));
  EXPECT_FALSE(keyring->holds(neighbour(), id));
  EXPECT_FALSE(keyring->holds(customer, make_raw_id(random)));
  keyring->evict(*customer.external_key_id);
  EXPECT_FALSE(keyring->holds(customer, id));
  ASSERT_TRUE(decrypting(id));
  EXPECT_TRUE(keyring->holds(customer, id));
  keyring->forget(customer.id, {id});
  EXPECT_FALSE(keyring->holds(customer, id));
}

// What must never happen.

TEST_F(KeyringTest, AnotherCompartmentsDataKeyIsNotFound) {
  auto id = encrypting().value().key->id();
  auto lease = decrypting(neighbour(), id);
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, ErrorCode::NotFound);
}

TEST_F(KeyringTest, AWrappedKeyMovedBetweenCompartmentsIsCorrupt) {
  ASSERT_TRUE(encrypting());
  auto row = *stored();
  auto other = neighbour();
  row.compartment = other.id;
  row.id = make_raw_id(random);
  auto moved = run(store->write([&](store::Transaction& tx) { return tx.insert_active_data_key(row); }));
  ASSERT_TRUE(moved) << moved.error().message();
  for (int i = 0; i < 2; ++i) {
    auto lease = encrypting(other);
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code, ErrorCode::Corrupt);
    EXPECT_THAT(decrypting(other, row.id), IsError(ErrorCode::Corrupt));
  }
  EXPECT_EQ(keyring->size(), 1U);
}

TEST_F(KeyringTest, ARowUnderAForeignExternalKeyIsCorrupt) {
  auto id = encrypting().value().key->id();
  auto changed = customer;
  changed.external_key_id = "ekey_01other";
  auto lease = decrypting(changed, id);
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, ErrorCode::Corrupt);
  changed.external_key_id.reset();
  changed.key = {};
  EXPECT_THAT(decrypting(changed, id), IsError(ErrorCode::Corrupt));
}

TEST_F(KeyringTest, ADamagedRowDoesNotStandInTheWayOfTheOthers) {
  auto id = encrypting().value().key->id();
  auto [other, other_id] = second_data_key();
  clock.advance(kIdle);
  provider.damaged = {stored()->wrapped};
  // Whoever asks first for all has the damaged one.
  int good = 0;
  int corrupt = 0;
  bool first = true;
  at_once(2, [&]() -> Task<void> {
    bool mine = std::exchange(first, false);
    auto lease = co_await keyring->for_decryption(mine ? customer : other, mine ? id : other_id, soon());
    good += lease ? 1 : 0;
    corrupt += !lease && lease.error().code == ErrorCode::Corrupt ? 1 : 0;
  });
  EXPECT_EQ(good, 1);
  EXPECT_EQ(corrupt, 1);
}

TEST_F(KeyringTest, ManyThreadsShareOneKeyring) {
  auto id = encrypting().value().key->id();
  auto [other, other_id] = second_data_key();
  boost::asio::thread_pool pool(4);
  KeyringSettings settings;
  // The clock leaps while others' calls are under way: none of them may run out of time by it.
  settings.kms_timeout = 1h;
  keyring = std::make_unique<Keyring>(*store, provider, clock, random, pool.get_executor(), settings);
  std::atomic<int> good = 0;
  std::atomic<int> turn = 0;
  auto one = [&, &elsewhere = other, &elsewhere_id = other_id]() -> Task<void> {
    int mine = turn++;
    auto compartment = mine % 2 == 0 ? customer : elsewhere;
    auto which = mine % 2 == 0 ? id : elsewhere_id;
    if (mine % 150 == 149) keyring->evict(*customer.external_key_id);
    if (mine % 20 == 19) clock.advance(61s);
    if (mine % 3 == 0) {
      auto lease = co_await keyring->for_encryption(compartment, clock.steady() + 1h);
      good += lease ? 1 : 0;
    } else {
      auto lease = co_await keyring->for_decryption(compartment, which, clock.steady() + 1h);
      good += lease ? 1 : 0;
    }
  };
  for (int i = 0; i < 400; ++i) boost::asio::co_spawn(pool, one(), boost::asio::detached);
  pool.join();
  EXPECT_EQ(good, 400);
  EXPECT_LE(keyring->size(), 2U);
}

// Time.

TEST_F(KeyringTest, WithoutTimeNothingIsBegun) {
  auto lease = run(keyring->for_encryption(customer, clock.steady()));
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, ErrorCode::DeadlineExceeded);
  EXPECT_THAT(run(keyring->for_decryption(customer, RawId{}, clock.steady())), IsError(ErrorCode::DeadlineExceeded));
  EXPECT_EQ(provider.wraps, 0);
}

TEST_F(KeyringTest, ACallerThatRunsOutOfTimeLeavesTheFlightToTheOthers) {
  provider.hangs = true;
  std::optional<Result<Lease>> hurried;
  std::optional<Result<Lease>> patient;
  auto call = [this](Deadline deadline, std::optional<Result<Lease>>* out) -> Task<void> {
    auto lease = co_await keyring->for_encryption(customer, deadline);
    out->emplace(std::move(lease));
  };
  boost::asio::co_spawn(context, call(clock.steady() + 1ms, &hurried), boost::asio::detached);
  boost::asio::co_spawn(context, call(clock.steady() + 1h, &patient), boost::asio::detached);
  context.restart();
  while (!hurried) context.run_one();
  ASSERT_FALSE(*hurried);
  EXPECT_EQ(hurried->error().code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(hurried->error().reason, kms::reason::kTimedOut);
  EXPECT_FALSE(patient);
  provider.hangs = false;
  context.run();
  ASSERT_TRUE(patient && *patient);
  EXPECT_EQ(provider.wraps, 1);
}

TEST_F(KeyringTest, ALeaseThatIsBeingRenewedServesWhoCannotWait) {
  auto id = encrypting().value().key->id();
  clock.advance(kIdle);
  provider.hangs = true;
  std::optional<Result<Lease>> hurried;
  auto call = [this, id](std::optional<Result<Lease>>* out) -> Task<void> {
    auto lease = co_await keyring->for_decryption(customer, id, clock.steady() + 1ms);
    out->emplace(std::move(lease));
  };
  boost::asio::co_spawn(context, call(&hurried), boost::asio::detached);
  context.restart();
  while (!hurried) context.run_one();
  EXPECT_TRUE(*hurried);
  provider.hangs = false;
  context.run();
}

TEST_F(KeyringTest, ADataKeyThatEncryptedEnoughSinceItsRowWasWrittenIsReplaced) {
  UsageMeter meter(clock);
  KeyringSettings settings;
  settings.data_keys.max_records = 10;
  settings.usage = &meter;
  start(settings);
  auto first = encrypting().value().key->id();
  auto encrypting_after_soft = [&] {
    clock.advance(2min);
    EXPECT_TRUE(encrypting());
    context.restart();
    context.run();
    return encrypting().value().key->id();
  };
  meter.record_usage(customer, customer.external_key_id, first, {.encrypts = 9});
  EXPECT_EQ(encrypting_after_soft(), first);
  meter.record_usage(customer, customer.external_key_id, first, {.encrypts = 1});
  EXPECT_NE(encrypting_after_soft(), first);
}

}  // namespace
}  // namespace latchkey::keyring
