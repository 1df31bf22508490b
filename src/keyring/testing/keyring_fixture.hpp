// What the keyring's tests stand on: a real store that can be made to fail, a provider that does as a test says, a
// clock that stands still.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <set>

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "keyring/keyring.hpp"
#include "kms/reasons.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "testing/memory_cloud.hpp"
#include "testing/run_task.hpp"
#include "testing/scripted_client.hpp"
#include "testing/sealer.hpp"

namespace latchkey::keyring::testing {

using namespace std::chrono_literals;

// So long without a request that a lease is stale: soft, and what a renewal may be late.
inline constexpr auto kIdle = 62s;

// "Wraps" by XOR with the name of the version; refuses, fails and waits as a test says.
class FakeProvider final : public kms::KeyProvider {
 public:
  Task<Result<kms::WrappedKey>> wrap(const kms::KeyLocation& key, const kms::Binding&,
                                     const crypto::SecretBytes& secret, Deadline) override {
    kms::WrappedKey wrapped{version_of(key), mask(secret.reveal())};
    ++wraps;
    co_await pass();
    if (wrap_error) co_return *wrap_error;
    co_return wrapped;
  }
  Task<Result<kms::UnwrappedKey>> unwrap(const kms::KeyLocation& key, const kms::Binding&,
                                         const kms::WrappedKey& wrapped, Deadline) override {
    auto holder = version_of(key);
    auto named = wrapped.key_version;
    bool is_damaged = damaged.contains(wrapped.ciphertext);
    crypto::SecretBytes secret{ByteView(mask(wrapped.ciphertext))};
    ++unwraps;
    co_await pass();
    if (while_unwrapping) while_unwrapping();
    if (unwrap_error && holder != "local") co_return *unwrap_error;
    if (refused_versions.contains(named))
      co_return Error{ErrorCode::KeyDenied, "that version", kms::reason::kKeyDisabled};
    if ((holder == "local") != (named == "local")) co_return Error{ErrorCode::Corrupt, "another key's"};
    if (is_damaged) co_return Error{ErrorCode::Corrupt, "damaged"};
    if (mangles) secret.mutable_view()[1] ^= 1;
    co_return kms::UnwrappedKey{std::move(secret), request_id};
  }
  Task<Result<kms::KeyDescription>> describe(const kms::KeyLocation&, Deadline) override {
    co_return kms::KeyDescription{};
  }

  std::atomic<int> wraps = 0;
  std::atomic<int> unwraps = 0;
  std::string version = "v1";
  std::string request_id;  // of every unwrap
  std::optional<Error> wrap_error;
  std::optional<Error> unwrap_error;
  std::set<std::string> refused_versions;
  std::set<Bytes> damaged;
  std::function<void()> while_unwrapping;
  bool mangles = false;
  bool hangs = false;

 private:
  std::string version_of(const kms::KeyLocation& key) const { return key.is_local() ? "local" : version; }
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
  std::atomic<int> writes = 0;
  std::atomic<int> look_ups = 0;
  std::atomic<int> reads = 0;  // in the lane where lists wait
  // Runs inside the write's transaction, before it.
  std::function<Result<void>(store::Transaction&)> first;

  Task<Result<store::SealCounts>> check_seals() override { return inner_->check_seals(); }
  Task<Result<store::SealProgress>> reseal(store::SealProgress from, std::size_t limit) override {
    return inner_->reseal(from, limit);
  }
  Task<Result<void>> purge(std::optional<Uuid> compartment) override { return inner_->purge(compartment); }
  void stop_purging() override { inner_->stop_purging(); }
  store::Changes& changes() override { return inner_->changes(); }

 protected:
  Task<Result<void>> run(Access access, std::function<Result<void>(store::Transaction&)> work) override {
    if (access != Access::Write) {
      ++(access == Access::LookUp ? look_ups : reads);
      if (read_error) co_return *read_error;
      auto reading = access == Access::LookUp ? inner_->look_up(std::move(work)) : inner_->read(std::move(work));
      co_return co_await std::move(reading);
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
 public:
  KeyringTest(const KeyringTest&) = delete;
  KeyringTest& operator=(const KeyringTest&) = delete;

 protected:
  KeyringTest() {
    std::string pattern = ::testing::TempDir() + "latchkey-keyring-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    store::SqliteOptions options;
    options.path = folder + "/store.db";
    options.sealer = store::testing::sealer_source();
    store = std::make_unique<FaultyStore>(store::open_sqlite_store(options).value());
    customer.organization = make_uuid(random);
    customer.id = make_uuid(random);
    customer.workspace_id = make_id(id_prefix::kWorkspace, random);
    customer.external_key_id = "ekey_01customer";
    customer.key = kms::testing::memory_location("contoso", "k");
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
          row.provider = "memory";
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
    ASSERT_TRUE(written) << written.error().message();
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
  void run_background_task() {
    while (keyring->run_once() < 50ms) continue;
  }
  void forget_leases() { keyring->evict(*customer.external_key_id); }

  static Error error(ErrorCode code, Reason reason = {}) { return {code, "as the test says", std::move(reason)}; }

  std::string folder;
  kms::testing::CountingRandom random;
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  boost::asio::io_context context;
  FakeProvider provider;
  std::unique_ptr<FaultyStore> store;
  Compartment customer;
  std::unique_ptr<Keyring> keyring;
};

}  // namespace latchkey::keyring::testing
