#include "keyring_fixture.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "kms/reasons.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "testing/memory_cloud.hpp"
#include "testing/sealer.hpp"

namespace latchkey::bench {

namespace {

constexpr auto kWindow = 10s;
constexpr auto kHang = 30s;

Bytes mask(ByteView bytes) {
  Bytes masked = to_bytes(bytes);
  for (auto& byte : masked) byte ^= 0x5c;
  return masked;
}

Task<void> sleep_for(std::chrono::nanoseconds time) {
  auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::steady_timer timer(executor, time);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

}  // namespace

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "keyring bench: %s\n", what);
  std::abort();
}

bool SimulatedVaults::over_limit() {
  std::lock_guard lock(mutex_);
  auto now = clock_.steady();
  while (!calls_.empty() && now - calls_.front() >= kWindow) calls_.pop_front();
  if (limit != 0 && calls_.size() >= limit) return true;
  calls_.push_back(now);
  most_ = std::max(most_, calls_.size());
  return false;
}

Task<std::optional<Error>> SimulatedVaults::respond(const kms::KeyLocation& key, Deadline deadline) {
  auto scope = key.key().limit_scope();
  if (!scope.is_counted()) co_return std::nullopt;
  bool hangs = false;
  {
    std::lock_guard lock(mutex_);
    hangs = hanging_.contains(scope.service());
  }
  if (over_limit()) {
    ++throttled;
    co_return Error{ErrorCode::KeyUnreachable, "429", kms::reason::kThrottled, "", "", std::chrono::seconds(10)};
  }
  if (hangs) {
    co_await sleep_for(std::min<std::chrono::nanoseconds>(kHang, deadline - clock_.steady()));
    co_return Error{ErrorCode::KeyUnreachable, "hangs", kms::reason::kTimedOut};
  }
  if (int latency = latency_ms; latency > 0) co_await sleep_for(std::chrono::milliseconds(latency));
  if (down) co_return Error{ErrorCode::KeyUnreachable, "down", kms::reason::kProviderFault};
  if (refuses) co_return Error{ErrorCode::KeyDenied, "revoked", kms::reason::kRoleMissing};
  co_return std::nullopt;
}

Task<Result<kms::WrappedKey>> SimulatedVaults::wrap(const kms::KeyLocation& key, const kms::Binding&,
                                                    const crypto::SecretBytes& secret, Deadline deadline) {
  kms::WrappedKey wrapped{"v1", mask(secret.reveal())};
  auto error = co_await respond(key, deadline);
  if (error) co_return *error;
  co_return wrapped;
}

Task<Result<kms::UnwrappedKey>> SimulatedVaults::unwrap(const kms::KeyLocation& key, const kms::Binding&,
                                                        const kms::WrappedKey& wrapped, Deadline deadline) {
  crypto::SecretBytes secret{ByteView(mask(wrapped.ciphertext))};
  ++unwraps;
  auto error = co_await respond(key, deadline);
  if (error) co_return *error;
  co_return kms::UnwrappedKey{std::move(secret)};
}

Task<Result<kms::KeyDescription>> SimulatedVaults::describe(const kms::KeyLocation&, Deadline) {
  co_return kms::KeyDescription{};
}

void SimulatedVaults::let_hang(std::string vault) {
  std::lock_guard lock(mutex_);
  hanging_.insert(std::move(vault));
}

void SimulatedVaults::let_none_hang() {
  std::lock_guard lock(mutex_);
  hanging_.clear();
}

std::size_t SimulatedVaults::most_in_window() {
  std::lock_guard lock(mutex_);
  return most_;
}

void SimulatedVaults::forget() {
  std::lock_guard lock(mutex_);
  calls_.clear();
  most_ = 0;
  unwraps = 0;
  throttled = 0;
}

KeyringFixture::KeyringFixture(const FixtureSettings& settings) : settings_(settings), vaults_(*settings.clock) {
  std::string pattern = (std::filesystem::temp_directory_path() / "latchkey-bench-XXXXXX").string();
  require(::mkdtemp(pattern.data()) != nullptr, "no temporary folder");
  folder_ = pattern;
  store::SqliteOptions options;
  options.path = folder_ + "/store.db";
  options.sealer = store::testing::sealer_source();
  auto store = store::open_sqlite_store(std::move(options));
  require(store.has_value(), "the store does not open");
  store_ = std::move(store).value();
  restart_keyring();
  work_.emplace(context_.get_executor());
  for (int i = 0; i < settings.threads; ++i) threads_.emplace_back([this] { context_.run(); });
}

KeyringFixture::~KeyringFixture() {
  ending_ = true;
  work_.reset();
  context_.stop();
  for (auto& thread : threads_) thread.join();
  keyring_.reset();
  store_.reset();
  std::filesystem::remove_all(folder_);
}

void KeyringFixture::restart_keyring() {
  auto limiter = kms::VaultLimiter::create(*settings_.clock, context_.get_executor(), kms::make_timer_sleeper(), {});
  limited_ = std::make_unique<kms::LimitedKeyProvider>(vaults_, limiter, kms::CallKind::Request, 10s);
  keyring::KeyringSettings settings;
  settings.ages = settings_.ages;
  keyring_ = std::make_unique<keyring::Keyring>(*store_, *limited_, *settings_.clock, random_, context_.get_executor(),
                                                settings);
}

void KeyringFixture::run_in_background() {
  auto run_background_task = [](KeyringFixture* fixture) -> Task<void> {
    while (!fixture->ending_) co_await sleep_for(fixture->keyring_->run_once());
  };
  boost::asio::co_spawn(context_, run_background_task(this), boost::asio::detached);
}

KeyringFixture::Customer KeyringFixture::customer_of(const std::string& vault) {
  auto known = customers_.find(vault);
  if (known != customers_.end()) return known->second;
  Customer customer{make_uuid(random_), make_id(id_prefix::kExternalKey, random_)};
  auto write = [&, now = settings_.clock->now()](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.insert(store::Organization{customer.organization, "o", now}));
    store::ExternalKey key;
    key.id = customer.external_key_id;
    key.organization = customer.organization;
    key.geo = "us";
    key.provider = "memory";
    key.provider_config = "{}";
    key.created_at = key.updated_at = now;
    return tx.insert(key);
  };
  require(run(store_->write(write)).has_value(), "a customer is not written");
  return customers_.emplace(vault, customer).first->second;
}

keyring::Compartment KeyringFixture::add(const std::string& vault) {
  auto customer = customer_of(vault);
  keyring::Compartment compartment;
  compartment.organization = customer.organization;
  compartment.id = make_uuid(random_);
  compartment.workspace_id = make_id(id_prefix::kWorkspace, random_);
  compartment.external_key_id = customer.external_key_id;
  compartment.key = kms::testing::memory_location(vault, "k");
  store::Workspace workspace;
  workspace.id = compartment.workspace_id;
  workspace.organization = compartment.organization;
  workspace.compartment = compartment.id;
  workspace.name = "w";
  workspace.external_key_id = compartment.external_key_id;
  workspace.workspace_geo = "us";
  workspace.allowed_inference_geos = "\"unrestricted\"";
  workspace.default_inference_geo = "global";
  workspace.created_at = settings_.clock->now();
  auto write = [&](store::Transaction& tx) { return tx.insert(workspace); };
  require(run(store_->write(write)).has_value(), "a workspace is not written");
  return compartment;
}

RawId KeyringFixture::make_data_key(const keyring::Compartment& compartment) {
  int latency = vaults_.latency_ms.exchange(0);
  auto lease = run(keyring_->for_encryption(compartment, settings_.clock->steady() + 60s));
  vaults_.latency_ms = latency;
  require(lease.has_value(), "a data key is not made");
  return lease.value().key->id();
}

}  // namespace latchkey::bench
