#include "keyring/keyring.hpp"

#include <atomic>
#include <filesystem>
#include <functional>

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/random.hpp"
#include "envelope/wrapped_data_key.hpp"
#include "kms/reasons.hpp"
#include "kms/testing/run_task.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;

// So long without a request that a lease is stale: soft, and what a renewal may be late.
constexpr auto kIdle = 62s;

// "Wraps" by XOR with the name of the version; refuses, fails and waits as a test says.
class FakeProvider final : public kms::KeyProvider {
 public:
  Task<Result<kms::WrappedKey>> wrap(const kms::KeyLocation& key, const crypto::SecretBytes& secret,
                                     Deadline) override {
    kms::WrappedKey wrapped{version_of(key), mask(secret.reveal())};
    ++wraps;
    co_await pass();
    if (wrap_error) co_return *wrap_error;
    co_return wrapped;
  }
  Task<Result<crypto::SecretBytes>> unwrap(const kms::KeyLocation& key, const kms::WrappedKey& wrapped,
                                           Deadline) override {
    auto holder = version_of(key);
    auto named = wrapped.key_version;
    bool is_damaged = damaged.contains(wrapped.ciphertext);
    crypto::SecretBytes secret{ByteView(mask(wrapped.ciphertext))};
    ++unwraps;
    co_await pass();
    if (while_unwrapping) while_unwrapping();
    if (unwrap_error && holder != "local") co_return *unwrap_error;
    if (refused_versions.contains(named)) co_return Error{ErrorCode::KeyDenied, "that version", "key_disabled"};
    if ((holder == "local") != (named == "local")) co_return Error{ErrorCode::Corrupt, "another key's"};
    if (is_damaged) co_return Error{ErrorCode::Corrupt, "damaged"};
    if (mangles) secret.mutable_view()[1] ^= 1;
    co_return secret;
  }
  Task<Result<kms::KeyDescription>> describe(const kms::KeyLocation&, Deadline) override {
    co_return kms::KeyDescription{};
  }

  std::atomic<int> wraps = 0;
  std::atomic<int> unwraps = 0;
  std::string version = "v1";
  std::optional<Error> wrap_error;
  std::optional<Error> unwrap_error;
  std::set<std::string> refused_versions;
  std::set<Bytes> damaged;
  std::function<void()> while_unwrapping;
  bool mangles = false;
  bool hangs = false;

 private:
  std::string version_of(const kms::KeyLocation& key) const {
    return std::holds_alternative<kms::LocalKey>(key) ? "local" : version;
  }
  static Bytes mask(ByteView bytes) {
    Bytes masked = to_bytes(bytes);
    for (auto& byte : masked) byte ^= 0x5c;
    return masked;
  }
  // A few turns of the loop, so that others come in between; for ever where it hangs.
  Task<void> pass() {
    auto executor = co_await boost::asio::this_coro::executor;
    for (int i = 0; i < 5 || hangs; ++i) co_await boost::asio::post(executor, boost::asio::use_awaitable);
  }
};

// The real store, with a switch.
class FaultyStore final : public store::Store {
 public:
  explicit FaultyStore(std::unique_ptr<store::Store> inner) : inner_(std::move(inner)) {}
  std::optional<Error> read_error;
  std::optional<Error> write_error;
  int writes = 0;
  // Runs inside the write's transaction, before it.
  std::function<Result<void>(store::Transaction&)> first;

  Task<Result<void>> purge(std::vector<Bytes> erased) override { return inner_->purge(std::move(erased)); }

 protected:
  Task<Result<void>> run(Access access, std::function<Result<void>(store::Transaction&)> work) override {
    if (access == Access::Read) {
      if (read_error) co_return *read_error;
      co_return co_await inner_->read(std::move(work));
    }
    ++writes;
    if (write_error) co_return *write_error;
    auto with_first = [this, work = std::move(work)](store::Transaction& tx) -> Result<void> {
      if (first) {
        LATCHKEY_TRYV(first(tx));
      }
      return work(tx);
    };
    co_return co_await inner_->write(std::move(with_first));
  }

 private:
  std::unique_ptr<store::Store> inner_;
};

class KeyringTest : public ::testing::Test {
 protected:
  KeyringTest() {
    std::string pattern = ::testing::TempDir() + "latchkey-keyring-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    store::SqliteOptions options;
    options.path = folder + "/store.db";
    store = std::make_unique<FaultyStore>(store::open_sqlite_store(options).value());
    customer.organization = make_uuid(random);
    customer.id = make_uuid(random);
    customer.workspace_id = make_id(id_prefix::kWorkspace, random);
    customer.external_key_id = "ekey_01customer";
    customer.key = kms::AzureKey{"https://contoso.vault.azure.net/", "k", "t", std::nullopt};
    prepare(customer);
    start({});
  }
  ~KeyringTest() override {
    keyring.reset();
    store.reset();
    std::filesystem::remove_all(folder);
  }

  void start(KeyringSettings settings) {
    keyring = std::make_unique<Keyring>(*store, provider, clock, random, context.get_executor(), settings);
  }

  // The rows that a data key refers to.
  void prepare(const Compartment& compartment) {
    auto written = run(store->write([&](store::Transaction& tx) -> Result<void> {
      LATCHKEY_TRY(auto organization, tx.find_organization(compartment.organization));
      if (!organization) {
        LATCHKEY_TRYV(tx.insert(store::Organization{compartment.organization, "o", clock.now()}));
      }
      if (compartment.external_key_id) {
        LATCHKEY_TRY(auto key, tx.find_external_key(compartment.organization, *compartment.external_key_id));
        if (!key) {
          store::ExternalKey row;
          row.id = *compartment.external_key_id;
          row.organization = compartment.organization;
          row.geo = "us";
          row.provider = "azure";
          row.provider_config = "{}";
          row.created_at = row.updated_at = clock.now();
          LATCHKEY_TRYV(tx.insert(row));
        }
      }
      store::Workspace row;
      row.id = compartment.workspace_id;
      row.organization = compartment.organization;
      row.compartment = compartment.id;
      row.name = "w";
      row.external_key_id = compartment.external_key_id;
      row.workspace_geo = "us";
      row.allowed_inference_geos = "\"unrestricted\"";
      row.default_inference_geo = "global";
      row.created_at = clock.now();
      return tx.insert(row);
    }));
    ASSERT_TRUE(written) << written.error().message;
  }
  Compartment neighbour() {
    auto other = customer;
    other.id = make_uuid(random);
    other.workspace_id = make_id(id_prefix::kWorkspace, random);
    prepare(other);
    return other;
  }

  template <class T>
  T run(Task<T> task) {
    return kms::testing::run_task(context, std::move(task));
  }
  [[nodiscard]] Deadline soon() const { return clock.steady() + 30s; }
  Result<Lease> encrypting(const Compartment& compartment) { return run(keyring->for_encryption(compartment, soon())); }
  Result<Lease> encrypting() { return encrypting(customer); }
  Result<Lease> decrypting(const RawId& id) { return decrypting(customer, id); }
  Result<Lease> decrypting(const Compartment& compartment, const RawId& id) {
    return run(keyring->for_decryption(compartment, id, soon()));
  }
  std::optional<store::DataKey> stored() {
    return run(store->read([this](store::Transaction& tx) {
             return tx.find_active_data_key(customer.id, customer.external_key_id);
           }))
        .value();
  }
  // Another compartment's data key under the same external key.
  std::pair<Compartment, RawId> second_data_key() {
    auto other = neighbour();
    auto lease = encrypting(other);
    EXPECT_TRUE(lease);
    return {other, lease.value().key->id()};
  }
  // Runs `count` tasks at once, to their end.
  void at_once(int count, std::function<Task<void>()> task) {
    for (int i = 0; i < count; ++i) boost::asio::co_spawn(context, task(), boost::asio::detached);
    context.restart();
    context.run();
  }
  // As often as it asks for now.
  void attend() {
    while (keyring->attend() < 50ms) continue;
  }
  void forget_leases() { keyring->evict(*customer.external_key_id); }

  static Error error(ErrorCode code, std::string_view reason = "") {
    return {code, "as the test says", std::string(reason)};
  }

  std::string folder;
  crypto::SystemRandom random;
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  boost::asio::io_context context;
  FakeProvider provider;
  std::unique_ptr<FaultyStore> store;
  Compartment customer;
  std::unique_ptr<Keyring> keyring;
};

// Making the first data key.

TEST_F(KeyringTest, TheFirstDataKeyIsWrappedProvenAndDurable) {
  auto lease = encrypting();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(provider.wraps, 1);
  EXPECT_EQ(provider.unwraps, 1);
  EXPECT_EQ(lease.value().external_key_id, customer.external_key_id);
  EXPECT_EQ(lease.value().expires_at, clock.steady() + 1h);
  EXPECT_EQ(lease.value().ask_again_at, clock.steady() + 60s);
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
  EXPECT_EQ(encrypting().error().code, ErrorCode::Unavailable);
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
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease.value().key->id(), winners->id);
  EXPECT_EQ(stored()->id, winners->id);
  EXPECT_EQ(provider.unwraps, 2);
  EXPECT_EQ(keyring->size(), 1U);
}

TEST_F(KeyringTest, ARefusedWrapIsRememberedAndSparesDecryption) {
  auto id = encrypting().value().key->id();
  auto other = neighbour();
  provider.wrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyExpired);
  EXPECT_EQ(encrypting(other).error().reason, kms::reason::kKeyExpired);
  EXPECT_EQ(encrypting(other).error().reason, kms::reason::kKeyExpired);
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

TEST_F(KeyringTest, InTheFirstHalfOfSoftNothingIsAsked) {
  auto id = encrypting().value().key->id();
  provider.unwraps = 0;
  clock.advance(30s - 1us);
  EXPECT_TRUE(decrypting(id));
  EXPECT_TRUE(encrypting());
  EXPECT_EQ(provider.unwraps, 0);
}

TEST_F(KeyringTest, AKeyInUseIsRenewedBehindItsRequests) {
  auto id = encrypting().value().key->id();
  provider.unwraps = 0;
  int asked_by_requests = 0;
  for (int second = 0; second < 600; ++second) {
    clock.advance(1s);
    attend();
    int before = provider.unwraps;
    // A request that waits for its key needs turns of the loop that this one is not given.
    bool answered = false;
    auto call = [&]() -> Task<void> {
      auto lease = co_await keyring->for_decryption(customer, id, soon());
      answered = static_cast<bool>(lease);
    };
    boost::asio::co_spawn(context, call(), boost::asio::detached);
    context.restart();
    context.run();
    asked_by_requests += provider.unwraps - before > 1 ? 1 : 0;
    EXPECT_TRUE(answered) << second;
  }
  EXPECT_EQ(asked_by_requests, 0);
  EXPECT_GE(provider.unwraps, 10);
  EXPECT_LE(provider.unwraps, 11);
}

TEST_F(KeyringTest, AnIdleKeyIsNotRenewed) {
  auto id = encrypting().value().key->id();
  clock.advance(1s);
  EXPECT_TRUE(decrypting(id));
  provider.unwraps = 0;
  for (int second = 0; second < 3600; ++second) {
    clock.advance(1s);
    attend();
    context.restart();
    context.run();
  }
  EXPECT_EQ(provider.unwraps, 1) << "for the use before";
  EXPECT_EQ(keyring->size(), 1U);
  for (int second = 0; second < 120; ++second) {
    clock.advance(1s);
    attend();
  }
  EXPECT_EQ(keyring->size(), 0U);
}

TEST_F(KeyringTest, RequestsDoNotWaitForARenewalThatIsInTime) {
  auto id = encrypting().value().key->id();
  clock.advance(60s);
  provider.hangs = true;
  std::optional<Result<Lease>> served;
  auto call = [&]() -> Task<void> {
    auto lease = co_await keyring->for_decryption(customer, id, soon());
    served.emplace(std::move(lease));
  };
  boost::asio::co_spawn(context, call(), boost::asio::detached);
  context.restart();
  for (int turns = 0; turns < 100 && !served; ++turns) context.run_one();
  EXPECT_TRUE(served && *served);
  provider.hangs = false;
  context.run();
}

TEST_F(KeyringTest, WithoutAttentionARenewalThatRefusesEndsAccessAllTheSame) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  clock.advance(60s);
  EXPECT_TRUE(decrypting(id)) << "its renewal is asked behind it";
  EXPECT_EQ(keyring->size(), 0U);
  EXPECT_EQ(decrypting(id).error().code, ErrorCode::KeyDenied);
}

TEST_F(KeyringTest, PastSoftOneUnwrapRenewsEveryLease) {
  std::vector<std::pair<Compartment, RawId>> all{{customer, encrypting().value().key->id()}};
  for (int i = 0; i < 9; ++i) all.push_back(second_data_key());
  provider.unwraps = 0;
  clock.advance(kIdle);
  std::size_t next = 0;
  int good = 0;
  at_once(50, [&]() -> Task<void> {
    auto [compartment, id] = all[next++ % all.size()];
    auto lease = co_await keyring->for_decryption(compartment, id, soon());
    good += lease ? 1 : 0;
  });
  EXPECT_EQ(good, 50);
  EXPECT_EQ(provider.unwraps, 1);
  EXPECT_EQ(decrypting(all[5].first, all[5].second).value().expires_at, clock.steady() + 1h);
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringTest, ARefusalDropsEveryLeaseAndIsRemembered) {
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
  EXPECT_EQ(decrypting(other, other_id).error().reason, kms::reason::kKeyDisabled);
  EXPECT_EQ(encrypting(other).error().reason, kms::reason::kKeyDisabled);
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringTest, ARefusedKeyIsProbedInTheBackgroundAndComesBackByItself) {
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
    attend();
    context.restart();
    context.run();
  }
  EXPECT_EQ(provider.unwraps, 2) << "10 s after the refusal, and 20 s after that; the next would be 40 s later";
  provider.unwrap_error.reset();
  for (int second = 0; second < 10; ++second) {
    clock.advance(1s);
    attend();
    context.restart();
    context.run();
  }
  EXPECT_EQ(provider.unwraps, 3);
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(provider.unwraps, 3) << "the probe's data key is the one that was refused";
  EXPECT_TRUE(encrypting(other));
}

TEST_F(KeyringTest, ABlockedNetworkIsARefusalToo) {
  auto id = encrypting().value().key->id();
  clock.advance(kIdle);
  provider.unwrap_error = error(ErrorCode::NetworkBlocked, kms::reason::kVaultFirewall);
  EXPECT_EQ(decrypting(id).error().code, ErrorCode::NetworkBlocked);
  EXPECT_EQ(keyring->size(), 0U);
}

TEST_F(KeyringTest, ConcurrentRequestsAllLearnOfARefusalFromOneQuestion) {
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

TEST_F(KeyringTest, AnOutageIsBridgedToHardAndNotPastIt) {
  auto lease = encrypting().value();
  auto id = lease.key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable, kms::reason::kTimedOut);
  for (auto age = 60s; age < 3600s; age += 30s) {
    clock.advance(age == 60s ? 60s : 30s);
    bool awaited = age == 60s;  // the first answer is on its way
    auto bridged = decrypting(id);
    ASSERT_TRUE(bridged) << age.count();
    EXPECT_EQ(bridged.value().expires_at, lease.expires_at);
    EXPECT_EQ(bridged.value().ask_again_at, std::min(clock.steady() + (awaited ? 25ms : 1s), lease.expires_at));
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

TEST_F(KeyringTest, AColdDataKeyIsToldOfAnOutageFromMemory) {
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

TEST_F(KeyringTest, AnOrganisationMaySwitchBridgingOff) {
  auto strict = customer;
  strict.ages = LeaseAges{30s, 30s};
  auto id = encrypting(strict).value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.advance(30s - 1us);
  EXPECT_TRUE(decrypting(strict, id));
  clock.advance(1us);
  EXPECT_EQ(decrypting(strict, id).error().code, ErrorCode::KeyUnreachable);
}

TEST_F(KeyringTest, WhoObservesIsToldOfProofsRefusalsAndOutages) {
  struct Observer final : KeyObserver {
    void proved(const std::string& key) override { told.push_back(key + " proved"); }
    void failed(const std::string& key, const Error& why) override { told.push_back(key + " " + why.reason); }
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
  platform.key = kms::LocalKey{};
  platform.id = make_uuid(random);
  platform.workspace_id = make_id(id_prefix::kWorkspace, random);
  prepare(platform);
  EXPECT_TRUE(encrypting(platform));
  EXPECT_EQ(observer.told, (std::vector<std::string>{"ekey_01customer proved", "ekey_01customer timed_out",
                                                     "ekey_01customer key_disabled"}));
}

TEST_F(KeyringTest, DuringAnOutageTheKeyIsNotAskedByEveryRequest) {
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

TEST_F(KeyringTest, AnOutageThatEndsInARefusalEndsAccess) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.advance(kIdle);
  EXPECT_TRUE(decrypting(id));
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  clock.advance(2s);
  // Asked behind this request, so it is the last one.
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(keyring->size(), 0U);
  EXPECT_EQ(decrypting(id).error().code, ErrorCode::KeyDenied);
}

TEST_F(KeyringTest, AnOutageThatEndsIsOver) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.advance(kIdle);
  EXPECT_TRUE(decrypting(id));
  provider.unwrap_error.reset();
  clock.advance(2s);
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(decrypting(id).value().expires_at, clock.steady() + 1h);
}

TEST_F(KeyringTest, HardEqualToSoftBridgesNothing) {
  KeyringSettings strict;
  strict.ages.hard = strict.ages.soft;
  start(strict);
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.advance(60s - 1us);
  EXPECT_TRUE(decrypting(id));
  clock.advance(1us);
  EXPECT_EQ(decrypting(id).error().code, ErrorCode::KeyUnreachable);
}

TEST_F(KeyringTest, ADisabledVersionIsNotRenewedByAnother) {
  auto old_id = encrypting().value().key->id();
  provider.version = "v2";
  auto [other, new_id] = second_data_key();
  provider.refused_versions = {"v1"};
  clock.advance(kIdle);
  EXPECT_TRUE(decrypting(other, new_id));
  EXPECT_EQ(decrypting(old_id).error().code, ErrorCode::KeyDenied);
  EXPECT_TRUE(decrypting(other, new_id));
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

// A key that may not be asked: its leases are dropped, and it is not asked, whatever is wanted.
struct ForbiddenKeyTest : KeyringTest {
  ForbiddenKeyTest() {
    KeyringSettings settings;
    settings.data_keys.max_age = 1h;
    settings.may_ask = [this](store::Transaction&, const Uuid& organization, std::string_view key) -> Result<void> {
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
  EXPECT_EQ(decrypting(id).error().reason, kms::reason::kSuspended);
  EXPECT_EQ(keyring->size(), 0U);
  EXPECT_EQ(encrypting().error().reason, kms::reason::kSuspended);
  EXPECT_EQ(encrypting(neighbour()).error().reason, kms::reason::kSuspended);
  EXPECT_EQ(provider.wraps + provider.unwraps, 0);
  forbidden.clear();
  EXPECT_TRUE(decrypting(id));
}

TEST_F(ForbiddenKeyTest, IsNotRenewedInTheBackground) {
  clock.advance(59s);
  EXPECT_TRUE(decrypting(id));
  context.restart();
  context.run();
  provider.unwraps = 0;
  forbidden = *customer.external_key_id;
  clock.advance(59s);
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
  EXPECT_TRUE(encrypting());
  EXPECT_EQ(provider.unwraps, 1);
  context.restart();
  context.run();
  EXPECT_EQ(provider.wraps, 0);
  EXPECT_EQ(stored(), before);
  // Another key is no matter of it.
  forbidden = "ekey_01other";
  provider.while_unwrapping = nullptr;
  clock.advance(kIdle);
  EXPECT_TRUE(encrypting());
  context.restart();
  context.run();
  EXPECT_EQ(provider.wraps, 1);
}

TEST_F(KeyringTest, AnAnswerFromBeforeAnEvictionIsAskedForAgain) {
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
  plain.key = kms::LocalKey{};
  prepare(plain);
  provider.unwrap_error = error(ErrorCode::KeyDenied);
  auto lease = encrypting(plain);
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_FALSE(lease.value().external_key_id);
  clock.advance(2h);
  EXPECT_TRUE(decrypting(plain, lease.value().key->id()));

  // A key is attached: what was written before stays readable by the platform's key, what comes is the customer's.
  auto attached = plain;
  attached.external_key_id = customer.external_key_id;
  attached.key = customer.key;
  EXPECT_TRUE(decrypting(attached, lease.value().key->id()));
  EXPECT_EQ(encrypting(attached).error().code, ErrorCode::KeyDenied);
  provider.unwrap_error.reset();
  clock.advance(10s);
  auto own = encrypting(attached);
  ASSERT_TRUE(own);
  EXPECT_NE(own.value().key->id(), lease.value().key->id());
  EXPECT_EQ(own.value().external_key_id, customer.external_key_id);
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
  ASSERT_TRUE(moved) << moved.error().message;
  for (int i = 0; i < 2; ++i) {
    auto lease = encrypting(other);
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code, ErrorCode::Corrupt);
    EXPECT_EQ(decrypting(other, row.id).error().code, ErrorCode::Corrupt);
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
  changed.key = kms::LocalKey{};
  EXPECT_EQ(decrypting(changed, id).error().code, ErrorCode::Corrupt);
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
  keyring = std::make_unique<Keyring>(*store, provider, clock, random, pool.get_executor(), KeyringSettings{});
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
  EXPECT_EQ(run(keyring->for_decryption(customer, RawId{}, clock.steady())).error().code, ErrorCode::DeadlineExceeded);
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

}  // namespace
}  // namespace latchkey::keyring
