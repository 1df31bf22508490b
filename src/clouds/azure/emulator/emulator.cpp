#include "clouds/azure/emulator/emulator.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/file.hpp"
#include "base/mutex.hpp"
#include "clouds/azure/emulator/front.hpp"
#include "clouds/azure/emulator/key_material.hpp"
#include "clouds/azure/emulator/seed.hpp"
#include "clouds/azure/emulator/tls_material.hpp"
#include "crypto/jwt.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::size_t kPoolThreads = 4;
constexpr int kPortsTried = 200;
constexpr unsigned kReadableByAll = 0644;
constexpr std::string_view kWorkloadIssuer = "https://issuer.latchkey.localhost";

http::ServerOptions server_options(const TlsMaterial& tls, std::uint16_t port) {
  http::ServerOptions options;
  options.port = port;
  options.tls = http::TlsFiles{tls.certificate_pem + tls.ca_certificate_pem, tls.key_pem};
  options.server_name.clear();
  return options;
}

// Adds what a new state needs, and replaces what an old one has outlived.
Result<void> prepare(State& state, RandomSource& random, const RsaKeySource& source) {
  auto model = state.read();
  auto tls = model->tls;
  LATCHKEY_TRY(auto renewed, complete_tls_material(tls, random, source));
  if (!renewed && !state.is_new()) return success();
  SigningKey token_key = model->token_key;
  SigningKey workload_key = model->workload_key;
  if (!token_key.key) {
    LATCHKEY_TRY(token_key, make_signing_key(source));
  }
  if (!workload_key.key) {
    LATCHKEY_TRY(workload_key, make_signing_key(source));
  }
  auto jwk = crypto::to_jwk(*workload_key.key);
  jwk["kid"] = workload_key.kid;
  auto saved = state.change([&](Model& next) -> Outcome<bool> {
    next.tls = tls;
    next.token_key = token_key;
    next.workload_key = workload_key;
    std::string issuer(kWorkloadIssuer);
    next.issuers[issuer] = TrustedIssuer{issuer, json::object{{"keys", json::array{jwk}}}};
    return true;
  });
  if (!saved) return Error{ErrorCode::Unavailable, saved.error().message};
  return success();
}

}  // namespace

class Emulator::Impl {
 public:
  Impl(boost::asio::any_io_executor executor, EmulatorOptions options, std::unique_ptr<State> state)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        state_(std::move(state)),
        audit_(options_.data_dir + "/audit"),
        clock_(*options_.clock, state_->read()->clock_distance),
        cloud_{*state_,
               audit_,
               clock_,
               *options_.clock,
               *options_.random,
               Rules{options_.allow_disabled_wrap ? DisabledKeyRule::RefusesPrivateOperations
                                                  : DisabledKeyRule::RefusesEverything,
                     options_.throttle, options_.deletion_delay, options_.assertions_once},
               delays_,
               options_.new_rsa_key,
               options_.client_address,
               [this] { follow_vaults(); }},
        front_(cloud_, pool_, faults_, Control(cloud_, faults_, clock_, options_.enable_control), options_.log_calls) {
    delays_.roles = options_.role_propagation.count();
    delays_.network = options_.network_propagation.count();
    if (!cloud_.client_address) {
      cloud_.client_address = [](const http::RequestHead& request) { return request.client_address.to_string(); };
    }
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    take_listeners().clear();
    proxy_.reset();
    server_.reset();
    pool_.join();
  }

  Result<void> listen() {
    LATCHKEY_TRYV(write_file_durably(ca_file(), state_->read()->tls.ca_certificate_pem, kReadableByAll));
    LATCHKEY_TRY(server_,
                 http::Server::start(executor_, server_options(state_->read()->tls, options_.tls_port), front_));
    http::ConnectProxyOptions proxy;
    proxy.port = options_.proxy_port;
    proxy.target_port = server_->port();
    proxy.decide = [this](std::string_view host, std::uint16_t port) {
      return proxy_verdict(*state_->read(), host, port);
    };
    LATCHKEY_TRY(proxy_, http::ConnectProxy::start(executor_, std::move(proxy)));
    follow_vaults();
    return success();
  }

  // Gives each vault a listener of its own, and closes the listeners of deleted vaults.
  void follow_vaults() {
    MutexLock lock(listeners_mutex_);
    auto model = state_->read();
    for (auto it = listeners_.begin(); it != listeners_.end();) {
      if (model->vaults.contains(it->first)) {
        ++it;
        continue;
      }
      front_.assign_port(it->second->port(), "");
      it = listeners_.erase(it);
    }
    for (const auto& [name, vault] : model->vaults) {
      if (!listeners_.contains(name) && !closed_) open_listener(*model, name, vault.direct_port);
    }
  }

  // From now on no vault gets a listener.
  [[nodiscard]] std::vector<std::unique_ptr<http::Server>> take_listeners() {
    MutexLock lock(listeners_mutex_);
    closed_ = true;
    std::vector<std::unique_ptr<http::Server>> taken;
    taken.reserve(listeners_.size());
    for (auto& [name, listener] : listeners_) taken.push_back(std::move(listener));
    listeners_.clear();
    return taken;
  }

  [[nodiscard]] std::string ca_file() const { return options_.data_dir + "/ca.pem"; }
  [[nodiscard]] http::Server& server() const { return *server_; }
  [[nodiscard]] http::ConnectProxy& proxy() const { return *proxy_; }
  [[nodiscard]] Cloud& cloud() { return cloud_; }
  [[nodiscard]] const State& state() const { return *state_; }

  [[nodiscard]] std::optional<std::uint16_t> vault_port(std::string_view name) const {
    MutexLock lock(listeners_mutex_);
    auto found = listeners_.find(lower(name));
    if (found == listeners_.end()) return std::nullopt;
    return found->second->port();
  }

 private:
  using Listener = std::unique_ptr<http::Server>;

  void open_listener(const Model& model, const std::string& name, std::uint16_t wished)
      LATCHKEY_REQUIRES(listeners_mutex_) {
    auto listener = wished != 0 ? start_on(model, wished) : start_on_new_port(model);
    if (!listener && wished != 0) {
      spdlog::warn("the vault {} moves to another port: {}", name, listener.error().message());
      listener = start_on_new_port(model);
    }
    if (!listener) {
      spdlog::error("the vault {} has no port of its own: {}", name, listener.error().message());
      return;
    }
    auto port = listener.value()->port();
    front_.assign_port(port, name);
    listeners_[name] = std::move(listener.value());
    if (port == wished) return;
    auto saved = state_->change([&](Model& next) -> Outcome<bool> {
      if (auto* vault = find_vault(next, name); vault != nullptr) vault->direct_port = port;
      return true;
    });
    if (!saved) spdlog::warn("the emulator could not save the port of the vault {}: {}", name, saved.error().message);
  }

  Result<Listener> start_on(const Model& model, std::uint16_t port) {
    return http::Server::start(executor_, server_options(model.tls, port), front_);
  }

  Result<Listener> start_on_new_port(const Model& model) {
    if (options_.first_vault_port == 0) return start_on(model, 0);
    auto is_taken = [&](std::uint16_t port) {
      return std::any_of(model.vaults.begin(), model.vaults.end(),
                         [&](const auto& entry) { return entry.second.direct_port == port; });
    };
    Result<Listener> listener = Error{ErrorCode::Unavailable, "no port is free"};
    for (int i = 0; i < kPortsTried && options_.first_vault_port + i <= 65535; ++i) {
      auto port = static_cast<std::uint16_t>(options_.first_vault_port + i);
      if (is_taken(port)) continue;
      listener = start_on(model, port);
      if (listener) break;
    }
    return listener;
  }

  boost::asio::any_io_executor executor_;
  EmulatorOptions options_;
  std::unique_ptr<State> state_;
  AuditLog audit_;
  MovedClock clock_;
  Delays delays_;
  FaultBoard faults_;
  Cloud cloud_;
  boost::asio::thread_pool pool_{kPoolThreads};
  Front front_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::ConnectProxy> proxy_;
  mutable Mutex listeners_mutex_;
  std::map<std::string, Listener> listeners_ LATCHKEY_GUARDED_BY(listeners_mutex_);  // by lower-case vault name
  bool closed_ LATCHKEY_GUARDED_BY(listeners_mutex_) = false;
};

Result<std::unique_ptr<Emulator>> Emulator::start(boost::asio::any_io_executor executor, EmulatorOptions options) {
  LATCHKEY_TRY(auto state, State::open(options.data_dir));
  if (!options.new_rsa_key) options.new_rsa_key = crypto::RsaKey::generate;
  LATCHKEY_TRYV(prepare(*state, *options.random, options.new_rsa_key));
  auto impl = std::make_unique<Impl>(std::move(executor), std::move(options), std::move(state));
  LATCHKEY_TRYV(impl->listen());
  return std::unique_ptr<Emulator>(new Emulator(std::move(impl)));
}

Emulator::Emulator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Emulator::~Emulator() = default;

std::string Emulator::ca_file() const {
  return impl_->ca_file();
}

std::uint16_t Emulator::tls_port() const {
  return impl_->server().port();
}

std::uint16_t Emulator::proxy_port() const {
  return impl_->proxy().port();
}

std::optional<std::uint16_t> Emulator::vault_port(std::string_view vault_name) const {
  return impl_->vault_port(vault_name);
}

Result<SeedResult> Emulator::seed(const SeedOptions& options) {
  LATCHKEY_TRY(auto result, seed_cloud(impl_->cloud(), options));
  impl_->follow_vaults();
  if (auto port = impl_->vault_port(result.vault_name)) {
    result.vault_direct_uri = fmt::format("https://127.0.0.1:{}/", *port);
  }
  return result;
}

Result<void> Emulator::federate(const std::string& app_id, const std::string& issuer, const std::string& subject,
                                const std::string& audience, const json::object& jwks) {
  auto id = new_guid(impl_->cloud().random);
  auto done = impl_->cloud().state.change([&](Model& model) -> Outcome<bool> {
    auto app = model.applications.find(lower(app_id));
    if (app == model.applications.end()) return Refusal{404, "NotFound", fmt::format("there is no app {}", app_id)};
    if (!jwks.empty()) model.issuers[issuer] = TrustedIssuer{issuer, jwks};
    auto& known = app->second.federated;
    bool is_there = std::any_of(known.begin(), known.end(), [&](const FederatedCredential& other) {
      return other.issuer == issuer && other.subject == subject && other.audience == audience;
    });
    if (!is_there) known.push_back({id, "latchkey-" + id.substr(0, 8), issuer, subject, audience, ""});
    return true;
  });
  if (done) return success();
  return Error{done.error().status == 404 ? ErrorCode::NotFound : ErrorCode::Unavailable, done.error().message};
}

std::string Emulator::workload_issuer() {
  return std::string(kWorkloadIssuer);
}

Result<std::string> Emulator::sign_workload_token(const std::string& subject, const std::string& audience,
                                                  std::chrono::seconds lifetime) const {
  auto model = impl_->state().read();
  auto now = unix_seconds(impl_->cloud().machine_clock);
  json::object claims{{"iss", kWorkloadIssuer},       {"sub", subject}, {"aud", audience}, {"iat", now}, {"nbf", now},
                      {"exp", now + lifetime.count()}};
  return crypto::jwt_sign(*model->workload_key.key, crypto::RsaSignature::Rs256, {{"kid", model->workload_key.kid}},
                          claims);
}

Task<void> Emulator::stop(std::chrono::milliseconds grace) {
  auto listeners = impl_->take_listeners();
  co_await impl_->proxy().stop();
  for (auto& listener : listeners) co_await listener->stop(grace);
  co_await impl_->server().stop(grace);
}

}  // namespace latchkey::clouds::azure::emulator
