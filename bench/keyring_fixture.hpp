// The environment of the keyring's measurements: the real keyring, limiter and store, with vaults that respond after a
// delay, refuse, fail or hang as a measurement says. The vaults do no RSA: a real vault does it on its own machines.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "crypto/random.hpp"
#include "keyring/keyring.hpp"
#include "kms/limited_key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::bench {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::duration<double, std::milli>;

// Ends the process where a precondition of a measurement does not hold.
void require(bool holds, const char* what);

// All customers' vaults; a name identifies a vault.
class SimulatedVaults final : public kms::KeyProvider {
 public:
  explicit SimulatedVaults(const Clock& clock) : clock_(clock) {}
  Task<Result<kms::WrappedKey>> wrap(const kms::KeyLocation& key, const kms::Binding& binding,
                                     const crypto::SecretBytes& secret, Deadline deadline) override;
  Task<Result<kms::UnwrappedKey>> unwrap(const kms::KeyLocation& key, const kms::Binding& binding,
                                         const kms::WrappedKey& wrapped, Deadline deadline) override;
  Task<Result<kms::KeyDescription>> describe(const kms::KeyLocation& key, Deadline deadline) override;

  std::atomic<int> latency_ms = 0;
  std::atomic<bool> refuses = false;
  std::atomic<bool> down = false;
  std::atomic<unsigned> limit = 0;  // calls in any 10 s; more are throttled; 0: no limit
  std::atomic<std::uint64_t> unwraps = 0;
  std::atomic<std::uint64_t> throttled = 0;
  void let_hang(std::string vault);  // its calls take 30 s, or until their deadline
  void let_none_hang();
  // The largest number of calls in any 10 s.
  [[nodiscard]] std::size_t most_in_window();
  void forget();

 private:
  [[nodiscard]] Task<std::optional<Error>> respond(const kms::KeyLocation& key, Deadline deadline);
  bool over_limit();
  const Clock& clock_;
  std::mutex mutex_;  // guards everything below
  std::set<std::string> hanging_;
  std::deque<SteadyTime> calls_;
  std::size_t most_ = 0;
};

struct FixtureSettings {
  keyring::LeaseAges ages;
  int threads = 2;     // 0: the measurement runs the context by itself
  const Clock* clock;  // must outlive the fixture
};

// One server's keyring, with its store on disk.
class KeyringFixture {
 public:
  explicit KeyringFixture(const FixtureSettings& settings);
  ~KeyringFixture();
  KeyringFixture(const KeyringFixture&) = delete;
  KeyringFixture& operator=(const KeyringFixture&) = delete;

  // Adds a workspace under the one key of this vault; each vault belongs to an organisation of its own.
  keyring::Compartment add(const std::string& vault);
  // Makes the compartment's first data key, without the vault's delay.
  RawId make_data_key(const keyring::Compartment& compartment);
  // Drops every lease, as a restart does.
  void restart_keyring();
  // Runs the keyring's background task as the server does, until the fixture ends.
  void run_in_background();

  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  [[nodiscard]] keyring::Keyring& keyring() { return *keyring_; }
  [[nodiscard]] SimulatedVaults& vaults() { return vaults_; }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    std::promise<void> ended;
    auto keep = [](Task<T> inner, std::optional<T>& out) -> Task<void> { out.emplace(co_await std::move(inner)); };
    boost::asio::co_spawn(context_, keep(std::move(task), value), [&](const std::exception_ptr& error) {
      error ? ended.set_exception(error) : ended.set_value();
    });
    auto future = ended.get_future();
    if (threads_.empty()) {
      while (future.wait_for(0s) != std::future_status::ready) context_.run_one();
    }
    future.get();
    return std::move(*value);
  }

 private:
  struct Customer {
    Uuid organization;
    std::string external_key_id;
  };
  Customer customer_of(const std::string& vault);

  FixtureSettings settings_;
  std::map<std::string, Customer> customers_;
  std::string folder_;
  crypto::SystemRandom random_;
  SimulatedVaults vaults_;
  boost::asio::io_context context_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<kms::LimitedKeyProvider> limited_;
  std::unique_ptr<keyring::Keyring> keyring_;
  std::atomic<bool> ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace latchkey::bench
