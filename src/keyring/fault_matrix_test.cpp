// Every fault that Azure, or the way to it, can have, at each place where a key is asked, at each age of a lease: what
// comes of it, and that what was promised holds in every cell. docs/fault-matrix.md is made from what is found here.
//
// The provider is the real one, over a transport that a test scripts; time is a clock that is moved.
#include <filesystem>
#include <set>

#include <boost/asio/thread_pool.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/testing/written_page.hpp"
#include "crypto/certificate.hpp"
#include "crypto/jwt.hpp"
#include "crypto/random.hpp"
#include "keyring/keyring.hpp"
#include "kms/azure/azure_key_provider.hpp"
#include "kms/azure/vault_uri.hpp"
#include "kms/reason_catalogue.hpp"
#include "kms/testing/fake_azure.hpp"
#include "kms/testing/run_task.hpp"
#include "kms/validation.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;
using http::TransportFailure;
using kms::testing::Answer;
using kms::testing::answer;
using kms::testing::entra_refusal;
using kms::testing::failure;
using kms::testing::FakeAzure;
using kms::testing::vault_refusal;
namespace reason = kms::reason;

// For one request; above the time that one question to a key may take.
constexpr auto kPatience = 15s;
// For a validation.
constexpr auto kValidation = 30s;
// Within which a key that serves again is noticed: the longest time between two probes, and a question.
constexpr auto kHealing = 90s;

enum class Place { Token, Get, Wrap, Unwrap };
enum class Age { Cold, Warm, PastSoft, PastHard };
constexpr Age kAges[] = {Age::Cold, Age::Warm, Age::PastSoft, Age::PastHard};

std::string_view to_string(Age age) {
  switch (age) {
    case Age::Cold:
      return "cold";
    case Age::Warm:
      return "warm";
    case Age::PastSoft:
      return "past soft";
    case Age::PastHard:
      return "past hard";
  }
  return "";
}

// What a fault is to the customer. Who decides is the catalogue; here stands which one is meant.
enum class Meaning { Nothing, Refused, RefusesWrapping, Unreachable, Alarm };

class World;
using Disturbed = std::function<Answer(World&, const http::ClientRequest&)>;

struct Fault {
  std::string name;
  Meaning meaning;
  std::string_view reason;  // empty: none
  Disturbed answer;
};

// The store is shared by all cells: each has an organisation, a key and workspaces of its own in it.
class Shelf {
 public:
  Shelf() {
    std::string pattern = ::testing::TempDir() + "latchkey-faults-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    store::SqliteOptions options;
    options.path = folder_ + "/store.db";
    store = store::open_sqlite_store(options).value();
  }
  ~Shelf() {
    store.reset();
    std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<store::Store> store;
  crypto::SystemRandom random;

 private:
  std::string folder_;
};

const std::string& certificate_pem() {
  static const std::string kPem = [] {
    crypto::SystemRandom random;
    auto now = parse_timestamp("2026-01-02T03:04:05Z").value();
    return crypto::make_self_signed_certificate(kms::testing::test_rsa_key(),
                                                {"latchkey", {}, {}, now - 24h, now + 24h}, random)
        .value();
  }();
  return kPem;
}

// One cell's own: a customer with a key in Azure, and a server.
class World {
 public:
  World(Shelf& shelf, Place place, const Fault& fault) : shelf_(shelf), place_(place), fault_(fault) {
    client.set([this](const http::ClientRequest& request) { return respond(request); });
    // So short that past soft a new one is needed, and Entra's faults are met.
    if (place == Place::Token) azure.token_lifetime = 20;
    organization_ = make_uuid(shelf.random);
    external_key_ = make_id(id_prefix::kExternalKey, shelf.random);
    write_customer();
    customer = new_workspace();
    start();
  }

  // As after a restart of the server: no lease, no token.
  void start() {
    kms::azure::AzureOptions options;
    options.vault_suffixes = kms::azure::public_cloud_suffixes();
    options.client_id = std::string(FakeAzure::kApp);
    options.credential = kms::azure::ClientCertificate{certificate_pem(), kms::testing::test_rsa_key()};
    provider = kms::azure::make_azure_key_provider(std::move(options), client, clock, shelf_.random, pool,
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
    (void)keyring->attend();
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
    return run_by(deadline, kms::validate_key(*provider, location, settings, clock, shelf_.random, deadline));
  }

  // What Azure would say were all well.
  Answer healthy(const http::ClientRequest& request) { return azure(request); }
  void wait_out(const http::ClientRequest& request) {
    auto left = request.deadline - clock.steady();
    if (left > 0s) clock.advance(std::chrono::ceil<std::chrono::microseconds>(left));
  }

  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  std::shared_ptr<kms::testing::ClockSleeper> sleeper = std::make_shared<kms::testing::ClockSleeper>(clock);
  FakeAzure azure;
  kms::testing::ScriptedClient client{[](const http::ClientRequest&) { return answer(500, ""); }};
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

  Answer respond(const http::ClientRequest& request) {
    if (!disturbed || place_of(request.url) != place_) return azure(request);
    ++met;
    return fault_.answer(*this, request);
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

  Shelf& shelf_;
  Place place_;
  const Fault& fault_;
  Uuid organization_;
  std::string external_key_;
};

// Faults.

Disturbed always(Answer fixed) {
  return [fixed = std::move(fixed)](World&, const http::ClientRequest&) { return fixed; };
}

Disturbed hangs() {
  return [](World& world, const http::ClientRequest& request) {
    world.wait_out(request);
    return failure(TransportFailure::TimedOut);
  };
}

// The right answer, with its body changed.
Disturbed body_changed(std::function<void(std::string&)> change) {
  return [change = std::move(change)](World& world, const http::ClientRequest& request) {
    auto right = world.healthy(request);
    if (right) change(right.value().body);
    return right;
  };
}

Disturbed field_changed(std::string name, std::function<void(std::string&)> change) {
  return body_changed([name = std::move(name), change = std::move(change)](std::string& body) {
    auto object = boost::json::parse(body).as_object();
    std::string text(object.at(name).as_string());
    change(text);
    object[name] = text;
    body = boost::json::serialize(object);
  });
}

Disturbed value_changed(std::function<void(Bytes&)> change) {
  return field_changed("value", [change = std::move(change)](std::string& text) {
    auto bytes = base64url_decode(text).value();
    change(bytes);
    text = base64url_encode(bytes);
  });
}

Disturbed bit_flipped(std::size_t at) {
  return value_changed([at](Bytes& value) { value[at] ^= 0x04; });
}

Disturbed kid(std::string text) {
  return field_changed("kid", [text = std::move(text)](std::string& found) { found = text; });
}

// Gone from the vault; `deleted` answers for the deleted key.
Disturbed not_found(Answer deleted) {
  return [deleted = std::move(deleted)](World& world, const http::ClientRequest&) {
    world.azure.always.insert_or_assign("/deletedkeys/", deleted);
    return vault_refusal(404, "KeyNotFound", "", "A key with (name/id) my-key was not found in this key vault.");
  };
}

// The token is over by the vault's clock: it takes the next one.
Disturbed token_over() {
  return [](World& world, const http::ClientRequest& request) {
    auto old = "Bearer token-1";
    if (request.headers.get("authorization") == old) {
      return vault_refusal(401, "Unauthorized", "", "[TokenExpired] Error validating token: 'S2S12086'.");
    }
    return world.healthy(request);
  };
}

// Entra judges our assertion by its own clock, with the five minutes that it allows.
Disturbed our_clock_is(std::chrono::minutes ahead) {
  return [ahead](World& world, const http::ClientRequest& request) {
    constexpr auto kAllowed = 5min;
    auto form = http::parse_query(request.body).value();
    std::string assertion;
    for (const auto& [name, value] : form) {
      if (name == "client_assertion") assertion = value;
    }
    auto claims = crypto::jwt_parse(assertion).value();
    auto theirs = std::chrono::floor<std::chrono::seconds>(world.clock.now() - ahead).time_since_epoch();
    auto seconds = [&](const char* name) {
      return std::chrono::seconds(claims.claims.at(name).to_number<std::int64_t>());
    };
    if (theirs + kAllowed < seconds("nbf") || theirs - kAllowed > seconds("exp")) {
      return entra_refusal(401, "invalid_client", 700024);
    }
    return world.healthy(request);
  };
}

// "Try again in two seconds", as a date, read by a clock that is wrong.
Disturbed throttled_until(std::chrono::minutes ahead) {
  return [ahead](World& world, const http::ClientRequest&) {
    auto until = std::chrono::floor<std::chrono::seconds>(world.clock.now() - ahead + 2s);
    return answer(429, "", {{"Retry-After", fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", until)}});
  };
}

const std::string kPage = "<html><body>Our services aren't available right now</body></html>";

// Of the way there and back, whoever is asked.
std::vector<Fault> faults_of_the_way(bool to_the_vault) {
  using enum Meaning;
  auto fails = [](TransportFailure how) { return always(failure(how)); };
  return {
      {"reset", Unreachable, reason::kConnectionFailed, fails(TransportFailure::Interrupted)},
      {"refused connection", Unreachable, reason::kConnectionFailed, fails(TransportFailure::ConnectFailed)},
      {"DNS does not answer", Unreachable, reason::kConnectionFailed, fails(TransportFailure::LookupFailed)},
      {"unresolvable host", Unreachable, to_the_vault ? reason::kVaultNameUnknown : reason::kConnectionFailed,
       fails(TransportFailure::UnknownName)},
      {"private address", Unreachable, to_the_vault ? reason::kVaultAddressRefused : reason::kConnectionFailed,
       fails(TransportFailure::AddressRefused)},
      {"expired certificate", Unreachable, reason::kTlsFailed, fails(TransportFailure::TlsFailed)},
      {"proxy fails", Unreachable, reason::kProxyFailed, fails(TransportFailure::ProxyFailed)},
      {"hang", Unreachable, reason::kTimedOut, hangs()},
      {"endless body", Unreachable, reason::kProviderFault, fails(TransportFailure::AnswerTooLarge)},
      {"redirect", Unreachable, reason::kProviderFault,
       always(answer(302, "", {{"Location", "https://evil.example/"}}))},
      {"200 with an HTML page", Unreachable, reason::kProviderFault, always(answer(200, kPage))},
      {"200 with malformed JSON", Unreachable, reason::kProviderFault, always(answer(200, R"({"kid":"https:)"))},
      {"200 with nothing", Unreachable, reason::kProviderFault, always(answer(200, ""))},
      {"200 with half of the body", Unreachable, reason::kProviderFault,
       body_changed([](std::string& body) { body.resize(body.size() / 2); })},
      {"404 with an HTML page", Unreachable, reason::kProviderFault, always(answer(404, kPage))},
      {"500", Unreachable, reason::kProviderFault, always(answer(500, R"({"error":{"code":"InternalServerError"}})"))},
      {"502 with an HTML page", Unreachable, reason::kProviderFault, always(answer(502, kPage))},
      {"503", Unreachable, reason::kProviderFault, always(answer(503, ""))},
      {"504", Unreachable, reason::kProviderFault, always(answer(504, ""))},
      {"429", Unreachable, reason::kThrottled, always(answer(429, ""))},
      {"429 with Retry-After 60", Unreachable, reason::kThrottled, always(answer(429, "", {{"Retry-After", "60"}}))},
      {"429 with a date, our clock 10 min ahead", Unreachable, reason::kThrottled, throttled_until(10min)},
      {"429 with a date, our clock 10 min behind", Unreachable, reason::kThrottled, throttled_until(-10min)},
  };
}

std::vector<Fault> token_faults() {
  using enum Meaning;
  auto entra = [](unsigned status, std::string_view error, int number) {
    return always(entra_refusal(status, error, number));
  };
  std::vector<Fault> faults{
      {"400 AADSTS700016 (no consent)", Refused, reason::kAppNotConsented, entra(400, "unauthorized_client", 700016)},
      {"400 AADSTS7000112 (app disabled)", Refused, reason::kAppDisabled, entra(400, "unauthorized_client", 7000112)},
      {"400 AADSTS90002 (no such tenant)", Refused, reason::kTenantUnknown, entra(400, "invalid_request", 90002)},
      {"400 AADSTS53003 (Conditional Access)", Refused, reason::kConditionalAccess, entra(400, "access_denied", 53003)},
      {"400 AADSTS500011 (another cloud)", Refused, reason::kWrongCloud, entra(400, "invalid_resource", 500011)},
      {"400 with an unknown AADSTS", Refused, reason::kSignInRefused, entra(400, "invalid_grant", 999999)},
      {"401 AADSTS7000215 (our secret)", Unreachable, reason::kPlatformCredential,
       entra(401, "invalid_client", 7000215)},
      {"401 AADSTS7000222 (our secret expired)", Unreachable, reason::kPlatformCredential,
       entra(401, "invalid_client", 7000222)},
      {"401 AADSTS700027 (our certificate)", Unreachable, reason::kPlatformCredential,
       entra(401, "invalid_client", 700027)},
      {"401 AADSTS700211 (our federation)", Unreachable, reason::kPlatformCredential,
       entra(401, "invalid_client", 700211)},
      {"400 AADSTS900144 (our request)", Unreachable, reason::kRequestRejected, entra(400, "invalid_request", 900144)},
      {"429 AADSTS90055", Unreachable, reason::kThrottled, entra(429, "temporarily_unavailable", 90055)},
      {"503 AADSTS90033", Unreachable, reason::kProviderFault, entra(503, "temporarily_unavailable", 90033)},
      {"403 with an HTML page", Unreachable, reason::kProviderFault, always(answer(403, kPage))},
      {"200 without a token", Unreachable, reason::kProviderFault,
       always(answer(200, R"({"token_type":"Bearer","expires_in":3599})"))},
      {"our clock 10 min ahead", Unreachable, reason::kPlatformCredential, our_clock_is(10min)},
      {"our clock 10 min behind", Nothing, "", our_clock_is(-10min)},
  };
  for (auto& fault : faults_of_the_way(false)) faults.push_back(std::move(fault));
  return faults;
}

std::vector<Fault> vault_faults(Place place) {
  using enum Meaning;
  auto forbidden = [](std::string_view inner) { return always(vault_refusal(403, "Forbidden", inner)); };
  auto wrapping = place == Place::Wrap ? RefusesWrapping : Refused;
  auto gone = vault_refusal(404, "KeyNotFound", "", "Deleted Key not found: my-key");
  std::vector<Fault> faults{
      {"token over in flight", Nothing, "", token_over()},
      {"401, also with a new token", Refused, reason::kTokenRefused,
       always(vault_refusal(401, "Unauthorized", "", "AKV10022: Invalid audience."))},
      {"401 AKV10032 (another tenant)", Refused, reason::kTenantMismatch,
       always(vault_refusal(401, "Unauthorized", "", "AKV10032: Invalid issuer."))},
      {"403 ForbiddenByRbac", Refused, reason::kRoleMissing, forbidden("ForbiddenByRbac")},
      {"403 ForbiddenByPolicy", Refused, reason::kAccessPolicyVault, forbidden("ForbiddenByPolicy")},
      {"403 ForbiddenByFirewall", Refused, reason::kVaultFirewall, forbidden("ForbiddenByFirewall")},
      {"403 ForbiddenByConnection", Refused, reason::kPublicAccessDisabled, forbidden("ForbiddenByConnection")},
      {"403 KeyDisabled", Refused, reason::kKeyDisabled, forbidden("KeyDisabled")},
      {"403 KeyExpired", wrapping, reason::kKeyExpired, forbidden("KeyExpired")},
      {"403 KeyNotYetValid", wrapping, reason::kKeyNotYetValid, forbidden("KeyNotYetValid")},
      {"403 KeyOperationForbidden", wrapping, reason::kKeyOperation, forbidden("KeyOperationForbidden")},
      {"403 AccessDenied", Refused, reason::kAccessDenied, forbidden("AccessDenied")},
      {"403 with an unknown inner code", Refused, reason::kAccessDenied, forbidden("ForbiddenByMoon")},
      {"403 with an HTML page", Refused, reason::kAccessDenied, always(answer(403, kPage))},
      {"404, among the deleted keys", Refused, reason::kKeyDeleted,
       not_found(answer(200, R"({"key":{},"attributes":{},"scheduledPurgeDate":1775099045})"))},
      {"404, not among the deleted keys", Refused, place == Place::Unwrap ? reason::kKeyPurged : reason::kKeyNotFound,
       not_found(gone)},
      {"404, and the vault tells no more", Refused, reason::kKeyNotFound,
       not_found(vault_refusal(403, "Forbidden", "ForbiddenByRbac"))},
      {"404, and then a reset", Refused, reason::kKeyNotFound, not_found(failure(TransportFailure::Interrupted))},
      {"409 ObjectIsDeletedButRecoverable", Refused, reason::kKeyDeleted,
       always(vault_refusal(409, "Conflict", "ObjectIsDeletedButRecoverable"))},
      {"409 ObjectIsBeingDeleted", Refused, reason::kKeyDeleted,
       always(vault_refusal(409, "Conflict", "ObjectIsBeingDeleted"))},
      {"409, another", Unreachable, reason::kProviderFault, always(vault_refusal(409, "Conflict", ""))},
      {"400 for our api-version", Unreachable, reason::kRequestRejected,
       always(vault_refusal(400, "BadParameter", "", "The specified version (7.4) is not recognized."))},
      {"400 BadParameter", place == Place::Unwrap ? Alarm : Unreachable,
       place == Place::Unwrap ? reason::kWrappedKeyDamaged : reason::kRequestRejected,
       always(vault_refusal(400, "BadParameter", "", "Property has invalid value"))},
      {"408", Unreachable, reason::kTimedOut, always(answer(408, ""))},
  };
  for (auto& fault : faults_of_the_way(true)) faults.push_back(std::move(fault));
  return faults;
}

std::vector<Fault> get_faults() {
  using enum Meaning;
  auto faults = vault_faults(Place::Get);
  auto another = [](std::string& body) {
    auto at = body.find("/keys/my-key/");
    body.replace(at, 13, "/keys/another/");
  };
  faults.push_back({"wrong kid: another key", Unreachable, reason::kProviderFault, body_changed(another)});
  faults.push_back({"200 without a key", Unreachable, reason::kProviderFault, always(answer(200, R"({"tags":{}})"))});
  return faults;
}

std::vector<Fault> operation_faults(Place place) {
  using enum Meaning;
  constexpr std::string_view kOther = "/ffffffffffffffffffffffffffffffff";
  auto faults = vault_faults(place);
  auto add = [&](std::string name, Meaning meaning, std::string_view why, Disturbed disturbed) {
    faults.push_back({std::move(name), meaning, why, std::move(disturbed)});
  };
  add("wrong kid: another key", Unreachable, reason::kProviderFault,
      kid(fmt::format("https://contoso.vault.azure.net/keys/another/{}", FakeAzure::kVersion)));
  add("wrong kid: another vault", Unreachable, reason::kProviderFault,
      kid(fmt::format("https://evil.vault.azure.net/keys/my-key/{}", FakeAzure::kVersion)));
  add("wrong kid: no version", Unreachable, reason::kProviderFault, kid("https://contoso.vault.azure.net/keys/my-key"));
  auto another_version = fmt::format("https://contoso.vault.azure.net/keys/my-key{}", kOther);
  add("value that is no base64url", Unreachable, reason::kProviderFault,
      field_changed("value", [](std::string& text) { text[0] = '*'; }));
  if (place == Place::Wrap) {
    // What it wrapped is asked back by that version, which the vault does not have.
    add("wrong kid: another version", Refused, reason::kKeyPurged, kid(another_version));
    add("value too short", Unreachable, reason::kProviderFault, value_changed([](Bytes& value) { value.pop_back(); }));
    add("value too long", Unreachable, reason::kProviderFault, value_changed([](Bytes& value) { value.resize(4096); }));
    add("bit-flipped value", Alarm, reason::kWrappedKeyDamaged, bit_flipped(200));
  } else {
    add("value too short", Alarm, reason::kDataKeyBinding, value_changed([](Bytes& value) { value.pop_back(); }));
    add("value too long", Alarm, reason::kDataKeyBinding, value_changed([](Bytes& value) { value.push_back(0); }));
    add("bit-flipped value: its version", Alarm, reason::kDataKeyBinding, bit_flipped(0));
    add("bit-flipped value: the data key", Alarm, reason::kRoundTripMismatch, bit_flipped(17));
    add("bit-flipped value: its place", Alarm, reason::kDataKeyBinding, bit_flipped(50));
  }
  return faults;
}

// Outcomes.

enum class Outcome { Served, Refused, Unreachable, Alarm, Wrong };

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::Served:
      return "served";
    case Outcome::Refused:
      return "refused";
    case Outcome::Unreachable:
      return "unreachable";
    case Outcome::Alarm:
      return "alarm";
    case Outcome::Wrong:
      return "WRONG";
  }
  return "";
}

struct Cell {
  Outcome outcome = Outcome::Wrong;
  std::string reason;
  std::string message;
  bool had_lease = false;
  bool has_lease = false;

  // "refused, dropped".
  [[nodiscard]] std::string text() const {
    std::string shown(to_string(outcome));
    if (had_lease) shown += has_lease ? ", kept" : ", dropped";
    return shown;
  }
};

Outcome outcome_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::KeyDenied:
    case ErrorCode::NetworkBlocked:
      return Outcome::Refused;
    case ErrorCode::KeyUnreachable:
    case ErrorCode::DeadlineExceeded:  // of a validation alone
      return Outcome::Unreachable;
    case ErrorCode::Corrupt:
      return Outcome::Alarm;
    default:
      return Outcome::Wrong;
  }
}

// What is promised, derived from what the fault means and the age alone.
Cell promised(const Fault& fault, Place place, Age age) {
  bool has_lease = age == Age::Warm || age == Age::PastSoft;
  Cell cell{Outcome::Served, "", "", has_lease, has_lease};
  // A validation asks always, and is no matter of leases; so is a first data key, which is wrapped at any age. Else a
  // key is asked where there is no fresh lease.
  bool asks = place == Place::Get || place == Place::Wrap || age != Age::Warm;
  if (!asks) return cell;
  switch (fault.meaning) {
    case Meaning::Nothing:
      return cell;
    case Meaning::Refused:
      cell.outcome = Outcome::Refused;
      if (place != Place::Get) cell.has_lease = false;
      return cell;
    case Meaning::RefusesWrapping:
      cell.outcome = Outcome::Refused;
      return cell;
    case Meaning::Unreachable:
      if (age != Age::PastSoft || place == Place::Get || place == Place::Wrap) cell.outcome = Outcome::Unreachable;
      return cell;
    case Meaning::Alarm:
      cell.outcome = Outcome::Alarm;
      if (place != Place::Wrap) cell.has_lease = false;
      return cell;
  }
  return cell;
}

class FaultMatrix : public ::testing::Test {
 public:
  static void SetUpTestSuite() { shelf = std::make_unique<Shelf>(); }
  static void TearDownTestSuite() { shelf.reset(); }
  static std::unique_ptr<Shelf> shelf;

  // One row of the page: the cells of faults that have the same, in the order of kAges.
  struct Row {
    std::vector<std::string> faults;
    std::vector<std::string> cells;
    std::string reason;
  };
  static void expect_on_page(Place place, const std::vector<Fault>& faults);
  static std::vector<Row> rows_of(Place place, const std::vector<Fault>& faults);
  static Cell play(Place place, const Fault& fault, Age age);
  static Cell ask(World& world, Place place, const envelope::DataKey& original);
  static void hold_promises(World& world, Place place, const Fault& fault, const Cell& first,
                            const envelope::DataKey& original);
};

std::unique_ptr<Shelf> FaultMatrix::shelf;

void let_age(World& world, Age age) {
  switch (age) {
    case Age::Cold:
      world.start();
      return;
    case Age::Warm:
      return;
    case Age::PastSoft:
      world.clock.advance(LeaseAges{}.soft + 1s);
      return;
    case Age::PastHard:
      world.clock.advance(LeaseAges{}.hard + 1s);
      return;
  }
}

// A first encryption where the place is a wrap; else both a decryption and an encryption, which must agree.
Cell FaultMatrix::ask(World& world, Place place, const envelope::DataKey& original) {
  Cell cell;
  auto note = [&](const Result<Lease>& lease, bool is_new) {
    if (!lease) {
      cell.outcome = outcome_of(lease.error());
      cell.reason = lease.error().reason;
      cell.message = lease.error().message;
      return;
    }
    bool same = crypto::equal_constant_time(lease.value().key->material(), original.material());
    cell.outcome = is_new || same ? Outcome::Served : Outcome::Wrong;
    EXPECT_GE(lease.value().expires_at, world.clock.steady());
  };
  auto deadline = world.clock.steady() + kPatience;
  if (place == Place::Get) {
    deadline = world.clock.steady() + kValidation;
    auto validated = world.validate(deadline);
    cell.outcome = validated ? Outcome::Served : outcome_of(validated.error());
    if (!validated) cell.reason = validated.error().reason;
    if (!validated) cell.message = validated.error().message;
  } else if (place == Place::Wrap) {
    note(world.run_by(deadline, world.keyring->for_encryption(world.new_workspace(), deadline)), true);
  } else {
    note(world.run_by(deadline, world.keyring->for_decryption(world.customer, original.id(), deadline)), false);
  }
  if (place == Place::Get || place == Place::Wrap) return cell;
  auto first = cell;
  deadline = world.clock.steady() + kPatience;
  note(world.run_by(deadline, world.keyring->for_encryption(world.customer, deadline)), false);
  EXPECT_EQ(to_string(cell.outcome), to_string(first.outcome)) << "reading and writing disagree";
  return first;
}

// The fault stays: nothing is read any more once the key refused, nor past the hard age; it ends: all is as before.
void FaultMatrix::hold_promises(World& world, Place place, const Fault& fault, const Cell& first,
                                const envelope::DataKey& original) {
  auto wrapped = world.stored(world.customer);
  for (int i = 0; i < 8; ++i) {
    world.clock.advance(9s);
    world.run_background();
    auto later = ask(world, place, original);
    EXPECT_NE(later.outcome, Outcome::Wrong);
    if (first.outcome == Outcome::Refused) {
      EXPECT_EQ(to_string(later.outcome), "refused") << "after a refusal";
    }
  }
  bool ends_within_soft = fault.meaning == Meaning::Refused || fault.meaning == Meaning::Alarm;
  bool is_of_leases = place == Place::Token || place == Place::Unwrap;
  if (is_of_leases && ends_within_soft) {
    EXPECT_NE(to_string(ask(world, place, original).outcome), "served") << "past soft, under a key that refuses";
    EXPECT_EQ(world.keyring->size(), 0U);
  }
  world.clock.advance(LeaseAges{}.hard + 1s);
  world.run_background();
  if (place == Place::Get) {
    EXPECT_EQ(to_string(ask(world, Place::Unwrap, original).outcome), "served")
        << "a validation is no question of data";
  } else if (is_of_leases && fault.meaning != Meaning::Nothing) {
    EXPECT_NE(to_string(ask(world, place, original).outcome), "served") << "past hard";
    world.run_background();
    EXPECT_EQ(world.keyring->size(), 0U) << "a lease leaks";
  }

  world.disturbed = false;
  world.azure.always.clear();
  Cell healed;
  for (auto end = world.clock.steady() + kHealing; world.clock.steady() < end;) {
    world.clock.advance(5s);
    world.run_background();
    healed = ask(world, Place::Unwrap, original);
    if (healed.outcome == Outcome::Served) break;
  }
  EXPECT_EQ(to_string(healed.outcome), "served") << "it does not heal by itself: " << healed.message;
  EXPECT_EQ(to_string(ask(world, Place::Wrap, original).outcome), "served") << "a first data key after it";
  auto still = world.stored(world.customer);
  ASSERT_TRUE(wrapped && still);
  EXPECT_EQ(still->wrapped, wrapped->wrapped);
}

Cell FaultMatrix::play(Place place, const Fault& fault, Age age) {
  World world(*shelf, place, fault);
  auto made = world.run(world.keyring->for_encryption(world.customer, world.clock.steady() + kPatience));
  EXPECT_TRUE(made) << made.error().message;
  auto original = made.value().key;
  let_age(world, age);
  world.disturbed = true;
  auto cell = ask(world, place, *original);
  cell.had_lease = age == Age::Warm || age == Age::PastSoft;
  // Beside it may be one that the fault left in peace: a first data key's.
  auto spared = world.keyring->size();
  cell.has_lease = cell.had_lease && spared > 0;
  EXPECT_LE(spared, 2U);
  hold_promises(world, place, fault, cell, *original);
  EXPECT_GT(world.met, 0) << "the fault was never met";
  return cell;
}

std::vector<FaultMatrix::Row> FaultMatrix::rows_of(Place place, const std::vector<Fault>& faults) {
  std::vector<Row> rows;
  for (const auto& fault : faults) {
    Row row{{fault.name}, {}, std::string(fault.reason)};
    for (auto age : kAges) {
      SCOPED_TRACE(fmt::format("{}, {}", fault.name, to_string(age)));
      auto cell = play(place, fault, age);
      EXPECT_EQ(cell.text(), promised(fault, place, age).text()) << cell.message;
      if (cell.outcome != Outcome::Served) {
        EXPECT_EQ(cell.reason, fault.reason) << cell.message;
        EXPECT_FALSE(cell.message.empty());
        EXPECT_EQ(cell.message.find("token-"), std::string::npos) << cell.message;
      }
      row.cells.push_back(cell.text());
    }
    auto alike = std::find_if(rows.begin(), rows.end(),
                              [&](const Row& other) { return other.cells == row.cells && other.reason == row.reason; });
    if (alike == rows.end()) {
      rows.push_back(std::move(row));
    } else {
      alike->faults.push_back(fault.name);
    }
  }
  return rows;
}

std::string_view heading(Place place) {
  switch (place) {
    case Place::Token:
      return "## The token endpoint\n\nAsked where there is no token, which past soft there is not here: tokens live "
             "20 s.\n";
    case Place::Unwrap:
      return "## Unwrap\n\nWhat reads, and what writes under a data key that is there: both were done in each cell.\n";
    case Place::Wrap:
      return "## Wrap\n\nThe first encryption of another workspace under the same key. Kept or dropped is the lease "
             "that the "
             "key's first workspace has.\n";
    case Place::Get:
      return "## Get key\n\nA validation, which reads the key before it wraps and unwraps. It says what it found, and "
             "is no "
             "question of data: leases stay, and data is served on.\n";
  }
  return "";
}

std::string section_of(Place place, const std::vector<FaultMatrix::Row>& rows) {
  std::string text = fmt::format(
      "{}\n| fault | cold | warm | past soft | past hard | reason |\n|---|---|---|---|---|---|\n", heading(place));
  for (const auto& row : rows) {
    text += fmt::format("| {} | {} | {} |\n", fmt::join(row.faults, "; "), fmt::join(row.cells, " | "),
                        row.reason.empty() ? "" : fmt::format("`{}`", row.reason));
  }
  return text + "\n";
}

// The place's section of docs/fault-matrix.md is what was found.
void FaultMatrix::expect_on_page(Place place, const std::vector<Fault>& faults) {
  latchkey::testing::expect_section_written("docs/fault-matrix.md", section_of(place, rows_of(place, faults)));
}

TEST_F(FaultMatrix, ThePageIsMadeOfTokens) {
  expect_on_page(Place::Token, token_faults());
}
TEST_F(FaultMatrix, ThePageIsMadeOfUnwraps) {
  expect_on_page(Place::Unwrap, operation_faults(Place::Unwrap));
}
TEST_F(FaultMatrix, ThePageIsMadeOfWraps) {
  expect_on_page(Place::Wrap, operation_faults(Place::Wrap));
}
TEST_F(FaultMatrix, ThePageIsMadeOfValidations) {
  expect_on_page(Place::Get, get_faults());
}

}  // namespace
}  // namespace latchkey::keyring
