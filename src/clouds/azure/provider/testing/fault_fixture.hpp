// The fixture of one cell of the fault matrix: a customer with a key in Azure, a server, and one fault at one place.
// The provider is the real one, over a transport that the test scripts; the test moves the clock.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include "clouds/azure/provider/azure_key_provider.hpp"
#include "clouds/azure/provider/testing/fake_azure.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "crypto/certificate.hpp"
#include "crypto/random.hpp"
#include "keyring/keyring.hpp"
#include "kms/validation.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "testing/run_task.hpp"
#include "testing/sealer.hpp"

namespace latchkey::clouds::azure::testing {

using namespace keyring;

using namespace std::chrono_literals;
using kms::testing::Response;
using kms::testing::response;

// Two places stand for the request for a token: Token, where each token has expired when it is next needed, and SignIn,
// where tokens live for an hour.
enum class Place { Token, SignIn, Get, Wrap, Unwrap };
// What a fault means to the customer. The catalogue decides it; the tests say here what they expect.
enum class Meaning { Nothing, Refused, RefusesWrapping, Unreachable, Alarm };

[[nodiscard]] inline bool asks_entra(Place place) {
  return place == Place::Token || place == Place::SignIn;
}

class FaultFixture;
using Disturbed = std::function<kms::testing::Response(FaultFixture&, const http::ClientRequest&)>;

struct Fault {
  std::string name;
  Meaning meaning;
  Reason reason;  // empty: none
  Disturbed respond;
};

// The store that all cells share. Each cell has an organisation, a key and workspaces of its own in it.
class SharedStore {
 public:
  SharedStore() {
    std::string pattern = ::testing::TempDir() + "latchkey-faults-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    store::SqliteOptions options;
    options.path = folder_ + "/store.db";
    options.sealer = store::testing::sealer_source();
    store = store::open_sqlite_store(options).value();
  }
  ~SharedStore() {
    store.reset();
    std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<store::Store> store;
  crypto::SystemRandom random;

 private:
  std::string folder_;
};

// It is shorter than Azure's keys, because it signs each request for a token.
inline const crypto::RsaKey& certificate_key() {
  static const auto kKey = crypto::RsaKey::generate(2048).value();
  return kKey;
}

inline const std::string& certificate_pem() {
  static const std::string kPem = [] {
    crypto::SystemRandom random;
    auto now = parse_timestamp("2026-01-02T03:04:05Z").value();
    return crypto::make_self_signed_certificate(certificate_key(), {"latchkey", {}, {}, now - 24h, now + 24h}, random)
        .value();
  }();
  return kPem;
}

// What one cell has for itself: a customer with a key in Azure, and a server.
class FaultFixture {
 public:
  FaultFixture(SharedStore& shared, Place place, const Fault& fault) : shared_(shared), place_(place), fault_(fault) {
    client.set([this](const http::ClientRequest& request) { return respond(request); });
    // The tokens are so short-lived that past the soft age the server needs a new one and meets Entra's faults.
    if (place == Place::Token) azure.token_lifetime = 20;
    azure.takes_older_tokens = place == Place::SignIn;
    organization_ = make_uuid(shared.random);
    external_key_ = make_id(id_prefix::kExternalKey, shared.random);
    write_customer();
    customer = new_workspace();
    start();
  }

  // Like a restart of the server: it has no lease and no token.
  void start() {
    clouds::azure::AzureOptions options;
    options.vault_suffixes = clouds::azure::public_cloud_suffixes();
    options.client_id = std::string(FakeAzure::kApp);
    // It takes time to sign an assertion. Where Entra's faults are not under test, a secret is enough.
    if (asks_entra(place_)) {
      options.credential = clouds::azure::ClientCertificate{certificate_pem(), certificate_key()};
    } else {
      options.credential = clouds::azure::ClientSecret{std::make_shared<const crypto::SecretBytes>(as_bytes("secret"))};
    }
    provider = clouds::azure::make_azure_key_provider(std::move(options), client, clock, shared_.random, pool,
                                                      context.get_executor(), sleeper);
    // It is below the callers' own timeouts, which run on the real clock; this clock moves only with the sleeper.
    KeyringSettings settings;
    settings.kms_timeout = 10s;
    keyring =
        std::make_unique<Keyring>(*shared_.store, *provider, clock, shared_.random, context.get_executor(), settings);
  }

  template <class T>
  T run(Task<T> task) {
    return kms::testing::run_task(context, std::move(task));
  }
  // The same for a caller with a deadline. What goes on after the response does not count.
  template <class T>
  T run_by(Deadline deadline, Task<T> task) {
    auto timed = [this, deadline](Task<T> inner) -> Task<T> {
      auto value = co_await std::move(inner);
      EXPECT_LE(clock.steady(), deadline) << "it did not end by its deadline";
      co_return value;
    };
    return run(timed(std::move(task)));
  }
  void run_background() {
    (void)keyring->run_once();
    context.restart();
    context.run();
  }

  Compartment new_workspace() {
    Compartment workspace;
    workspace.organization = organization_;
    workspace.id = make_uuid(shared_.random);
    workspace.workspace_id = make_id(id_prefix::kWorkspace, shared_.random);
    workspace.external_key_id = external_key_;
    workspace.key = FakeAzure::location();
    store::Workspace row;
    row.id = workspace.workspace_id;
    row.organization = organization_;
    row.compartment = workspace.id;
    row.name = "w";
    row.external_key_id = external_key_;
    row.workspace_geo = "us";
    row.allowed_inference_geos = "\"unrestricted\"";
    row.default_inference_geo = "global";
    row.created_at = clock.now();
    EXPECT_TRUE(run(shared_.store->write([&](store::Transaction& tx) { return tx.insert(row); })));
    return workspace;
  }

  std::optional<store::DataKey> stored(const Compartment& workspace) {
    return run(shared_.store->read([&](store::Transaction& tx) {
             return tx.find_active_data_key(workspace.id, workspace.external_key_id);
           }))
        .value();
  }

  Result<void> validate(Deadline deadline) {
    kms::KeyLocation location = FakeAzure::location();
    kms::ValidationSettings settings{kms::OrganizationBinding::Off, "", 3072};
    return run_by(deadline,
                  kms::validate_key(*provider, azure_alone(), location, settings, clock, shared_.random, deadline));
  }

  // What Azure responds where nothing is wrong.
  Response healthy(const http::ClientRequest& request) { return azure(request); }
  void wait_out(const http::ClientRequest& request) {
    auto left = request.deadline - clock.steady();
    if (left > 0s) clock.advance(std::chrono::ceil<std::chrono::microseconds>(left));
  }

  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  std::shared_ptr<kms::testing::ClockSleeper> sleeper = std::make_shared<kms::testing::ClockSleeper>(clock);
  FakeAzure azure;
  kms::testing::ScriptedClient client{[](const http::ClientRequest&) { return response(500, ""); }};
  boost::asio::thread_pool pool{1};
  boost::asio::io_context context;
  std::shared_ptr<kms::KeyProvider> provider;
  std::unique_ptr<Keyring> keyring;
  Compartment customer;
  bool disturbed = false;
  int met = 0;  // how often the fault was met

 private:
  static std::optional<Place> place_of(const std::string& url) {
    auto has = [&](std::string_view part) { return url.find(part) != std::string::npos; };
    if (has("/token")) return Place::Token;
    if (has("/unwrapkey")) return Place::Unwrap;
    if (has("/wrapkey")) return Place::Wrap;
    if (has("/keys/")) return Place::Get;
    return std::nullopt;
  }

  Response respond(const http::ClientRequest& request) {
    auto wanted = asks_entra(place_) ? Place::Token : place_;
    if (!disturbed || place_of(request.url) != wanted) return azure(request);
    ++met;
    return fault_.respond(*this, request);
  }

  void write_customer() {
    auto written = run(shared_.store->write([&](store::Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(tx.insert(store::Organization{organization_, "o", clock.now()}));
      store::ExternalKey row;
      row.id = external_key_;
      row.organization = organization_;
      row.geo = "us";
      row.provider = "azure";
      row.provider_config = "{}";
      row.created_at = row.updated_at = clock.now();
      return tx.insert(row);
    }));
    EXPECT_TRUE(written);
  }

  SharedStore& shared_;
  Place place_;
  const Fault& fault_;
  Uuid organization_;
  std::string external_key_;
};

}  // namespace latchkey::clouds::azure::testing
