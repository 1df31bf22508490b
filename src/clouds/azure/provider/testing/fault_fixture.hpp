// The fixture of one cell of the fault matrix: a customer with a key in Azure, a server, and the one fault that is met
// at one place. The provider is the real one, over a transport that a test scripts; time is a clock that is moved.
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

// Entra is asked for tokens at two places: where each is over when it is next needed, and where they live an hour.
enum class Place { Token, SignIn, Get, Wrap, Unwrap };
// What a fault is to the customer. Who decides is the catalogue; here stands which one is meant.
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

// The store is shared by all cells: each has an organisation, a key and workspaces of its own in it.
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

// Shorter than Azure's keys: it signs each token's request.
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

// One cell's own: a customer with a key in Azure, and a server.
class FaultFixture {
 public:
  FaultFixture(SharedStore& shelf, Place place, const Fault& fault) : shelf_(shelf), place_(place), fault_(fault) {
    client.set([this](const http::ClientRequest& request) { return respond(request); });
    // So short that past soft a new one is needed, and Entra's faults are met.
    if (place == Place::Token) azure.token_lifetime = 20;
    azure.takes_older_tokens = place == Place::SignIn;
    organization_ = make_uuid(shelf.random);
    external_key_ = make_id(id_prefix::kExternalKey, shelf.random);
    write_customer();
    customer = new_workspace();
    start();
  }

  // As after a restart of the server: no lease, no token.
  void start() {
    clouds::azure::AzureOptions options;
    options.vault_suffixes = clouds::azure::public_cloud_suffixes();
    options.client_id = std::string(FakeAzure::kApp);
    // An assertion is signed, which takes time: where it is not looked at, the secret does.
    if (asks_entra(place_)) {
      options.credential = clouds::azure::ClientCertificate{certificate_pem(), certificate_key()};
    } else {
      options.credential = clouds::azure::ClientSecret{std::make_shared<const crypto::SecretBytes>(as_bytes("secret"))};
    }
    provider = clouds::azure::make_azure_key_provider(std::move(options), client, clock, shelf_.random, pool,
                                                      context.get_executor(), sleeper);
    // Below the callers' own: a caller's time is the real clock's, and this one stands still but for the sleeper.
    KeyringSettings settings;
    settings.kms_timeout = 10s;
    keyring =
        std::make_unique<Keyring>(*shelf_.store, *provider, clock, shelf_.random, context.get_executor(), settings);
  }

  template <class T>
  T run(Task<T> task) {
    return kms::testing::run_task(context, std::move(task));
  }
  // The same, for who asks with a deadline: what goes on behind the answer is no matter of it.
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
    workspace.id = make_uuid(shelf_.random);
    workspace.workspace_id = make_id(id_prefix::kWorkspace, shelf_.random);
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
    EXPECT_TRUE(run(shelf_.store->write([&](store::Transaction& tx) { return tx.insert(row); })));
    return workspace;
  }

  std::optional<store::DataKey> stored(const Compartment& workspace) {
    return run(shelf_.store->read([&](store::Transaction& tx) {
             return tx.find_active_data_key(workspace.id, workspace.external_key_id);
           }))
        .value();
  }

  Result<void> validate(Deadline deadline) {
    kms::KeyLocation location = FakeAzure::location();
    kms::ValidationSettings settings{kms::OrganizationBinding::Off, "", 3072};
    return run_by(deadline,
                  kms::validate_key(*provider, azure_alone(), location, settings, clock, shelf_.random, deadline));
  }

  // What Azure would say were all well.
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
    auto written = run(shelf_.store->write([&](store::Transaction& tx) -> Result<void> {
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

  SharedStore& shelf_;
  Place place_;
  const Fault& fault_;
  Uuid organization_;
  std::string external_key_;
};

}  // namespace latchkey::clouds::azure::testing
