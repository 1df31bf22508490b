#include "clouds/azure/provider/testing/faults.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "clouds/azure/provider/reasons.hpp"
#include "crypto/jwt.hpp"
#include "envelope/reasons.hpp"

namespace latchkey::clouds::azure::testing {

using http::TransportFailure;
using kms::testing::failure;

namespace {

Disturbed always(Response fixed) {
  return [fixed = std::move(fixed)](FaultFixture&, const http::ClientRequest&) { return fixed; };
}

Disturbed hangs() {
  return [](FaultFixture& fixture, const http::ClientRequest& request) {
    fixture.wait_out(request);
    return failure(TransportFailure::TimedOut);
  };
}

// The right response, with its body changed.
Disturbed body_changed(std::function<void(std::string&)> change) {
  return [change = std::move(change)](FaultFixture& fixture, const http::ClientRequest& request) {
    auto right = fixture.healthy(request);
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

// The key is gone from the vault; `deleted` is the response for the deleted key.
Disturbed not_found(Response deleted) {
  return [deleted = std::move(deleted)](FaultFixture& fixture, const http::ClientRequest&) {
    fixture.azure.always.insert_or_assign("/deletedkeys/", deleted);
    return vault_refusal(404, "KeyNotFound", "", "A key with (name/id) my-key was not found in this key vault.");
  };
}

// By the vault's clock the token has expired; it accepts the next one.
Disturbed token_over() {
  return [](FaultFixture& fixture, const http::ClientRequest& request) {
    auto old = "Bearer token-1";
    if (request.headers.get("authorization") == old) {
      return vault_refusal(401, "Unauthorized", "", "[TokenExpired] Error validating token: 'S2S12086'.");
    }
    return fixture.healthy(request);
  };
}

// Entra checks our assertion by its own clock, and allows it to be off by five minutes.
Disturbed our_clock_is(std::chrono::minutes ahead) {
  return [ahead](FaultFixture& fixture, const http::ClientRequest& request) {
    constexpr auto kAllowed = 5min;
    auto form = http::parse_query(request.body).value();
    std::string assertion;
    for (const auto& [name, value] : form) {
      if (name == "client_assertion") assertion = value;
    }
    auto claims = crypto::jwt_parse(assertion).value();
    auto theirs = std::chrono::floor<std::chrono::seconds>(fixture.clock.now() - ahead).time_since_epoch();
    auto seconds = [&](const char* name) {
      return std::chrono::seconds(claims.claims.at(name).to_number<std::int64_t>());
    };
    if (theirs + kAllowed < seconds("nbf") || theirs - kAllowed > seconds("exp")) {
      return entra_refusal(401, "invalid_client", 700024);
    }
    return fixture.healthy(request);
  };
}

// "Try again in two seconds" as a date, which our own wrong clock compares to its time.
Disturbed throttled_until(std::chrono::minutes ahead) {
  return [ahead](FaultFixture& fixture, const http::ClientRequest&) {
    auto until = std::chrono::floor<std::chrono::seconds>(fixture.clock.now() - ahead + 2s);
    return response(429, "", {{"Retry-After", fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", until)}});
  };
}

const std::string kPage = "<html><body>Our services aren't available right now</body></html>";

// Faults of the connection, whichever service is asked.
std::vector<Fault> faults_of_the_way(bool to_the_vault) {
  using enum Meaning;
  auto fails = [](TransportFailure how) { return always(failure(how)); };
  return {
      {"reset", Unreachable, reason::kConnectionFailed, fails(TransportFailure::Interrupted)},
      {"refused connection", Unreachable, reason::kConnectionFailed, fails(TransportFailure::ConnectFailed)},
      {"DNS does not answer", Unreachable, reason::kConnectionFailed, fails(TransportFailure::LookupFailed)},
      {"unresolvable host", Unreachable,
       to_the_vault ? Reason(reason::kVaultNameUnknown) : Reason(reason::kConnectionFailed),
       fails(TransportFailure::UnknownName)},
      {"private address", Unreachable,
       to_the_vault ? Reason(reason::kVaultAddressRefused) : Reason(reason::kConnectionFailed),
       fails(TransportFailure::AddressRefused)},
      {"expired certificate", Unreachable, reason::kTlsFailed, fails(TransportFailure::TlsFailed)},
      {"proxy fails", Unreachable, reason::kProxyFailed, fails(TransportFailure::ProxyFailed)},
      {"hang", Unreachable, reason::kTimedOut, hangs()},
      {"endless body", Unreachable, reason::kProviderFault, fails(TransportFailure::ResponseTooLarge)},
      {"redirect", Unreachable, reason::kProviderFault,
       always(response(302, "", {{"Location", "https://evil.example/"}}))},
      {"200 with an HTML page", Unreachable, reason::kProviderFault, always(response(200, kPage))},
      {"200 with malformed JSON", Unreachable, reason::kProviderFault, always(response(200, R"({"kid":"https:)"))},
      {"200 with nothing", Unreachable, reason::kProviderFault, always(response(200, ""))},
      {"200 with half of the body", Unreachable, reason::kProviderFault,
       body_changed([](std::string& body) { body.resize(body.size() / 2); })},
      {"404 with an HTML page", Unreachable, reason::kProviderFault, always(response(404, kPage))},
      {"500", Unreachable, reason::kProviderFault,
       always(response(500, R"({"error":{"code":"InternalServerError"}})"))},
      {"502 with an HTML page", Unreachable, reason::kProviderFault, always(response(502, kPage))},
      {"503", Unreachable, reason::kProviderFault, always(response(503, ""))},
      {"504", Unreachable, reason::kProviderFault, always(response(504, ""))},
      {"429", Unreachable, reason::kThrottled, always(response(429, ""))},
      {"429 with Retry-After 60", Unreachable, reason::kThrottled, always(response(429, "", {{"Retry-After", "60"}}))},
      {"429 with a date, our clock 10 min ahead", Unreachable, reason::kThrottled, throttled_until(10min)},
      {"429 with a date, our clock 10 min behind", Unreachable, reason::kThrottled, throttled_until(-10min)},
  };
}

std::vector<Fault> vault_faults(Place place) {
  using enum Meaning;
  auto forbidden = [](std::string_view inner) { return always(vault_refusal(403, "Forbidden", inner)); };
  auto wrapping = place == Place::Wrap ? RefusesWrapping : Refused;
  auto gone = vault_refusal(404, "KeyNotFound", "", "Deleted Key not found: my-key");
  std::vector<Fault> faults{
      {"token over in flight", Nothing, {}, token_over()},
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
      {"403 with an HTML page", Refused, reason::kAccessDenied, always(response(403, kPage))},
      {"404, among the deleted keys", Refused, reason::kKeyDeleted,
       not_found(response(200, R"({"key":{},"attributes":{},"scheduledPurgeDate":1775099045})"))},
      {"404, not among the deleted keys", Refused,
       place == Place::Unwrap ? Reason(reason::kKeyPurged) : Reason(reason::kKeyNotFound), not_found(gone)},
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
       place == Place::Unwrap ? Reason(reason::kWrappedKeyDamaged) : Reason(reason::kRequestRejected),
       always(vault_refusal(400, "BadParameter", "", "Property has invalid value"))},
      {"408", Unreachable, reason::kTimedOut, always(response(408, ""))},
  };
  for (auto& fault : faults_of_the_way(true)) faults.push_back(std::move(fault));
  return faults;
}

}  // namespace

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
      {"403 with an HTML page", Unreachable, reason::kProviderFault, always(response(403, kPage))},
      {"200 without a token", Unreachable, reason::kProviderFault,
       always(response(200, R"({"token_type":"Bearer","expires_in":3599})"))},
      {"our clock 10 min ahead", Unreachable, reason::kPlatformCredential, our_clock_is(10min)},
      {"our clock 10 min behind", Nothing, {}, our_clock_is(-10min)},
  };
  for (auto& fault : faults_of_the_way(false)) faults.push_back(std::move(fault));
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
  faults.push_back({"200 without a key", Unreachable, reason::kProviderFault, always(response(200, R"({"tags":{}})"))});
  return faults;
}

std::vector<Fault> operation_faults(Place place) {
  using enum Meaning;
  constexpr std::string_view kOther = "/ffffffffffffffffffffffffffffffff";
  auto faults = vault_faults(place);
  auto add = [&](std::string name, Meaning meaning, Reason why, Disturbed disturbed) {
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
    // To unwrap, the server names that version, which the vault does not have.
    add("wrong kid: another version", Refused, reason::kKeyPurged, kid(another_version));
    add("value too short", Unreachable, reason::kProviderFault, value_changed([](Bytes& value) { value.pop_back(); }));
    add("value too long", Unreachable, reason::kProviderFault, value_changed([](Bytes& value) { value.resize(4096); }));
    add("bit-flipped value", Alarm, reason::kWrappedKeyDamaged, bit_flipped(200));
  } else {
    add("value too short", Alarm, envelope::reason::kDataKeyBinding,
        value_changed([](Bytes& value) { value.pop_back(); }));
    add("value too long", Alarm, envelope::reason::kDataKeyBinding,
        value_changed([](Bytes& value) { value.push_back(0); }));
    add("bit-flipped value: its version", Alarm, envelope::reason::kDataKeyBinding, bit_flipped(0));
    add("bit-flipped value: the data key", Alarm, reason::kRoundTripMismatch, bit_flipped(17));
    add("bit-flipped value: its place", Alarm, envelope::reason::kDataKeyBinding, bit_flipped(50));
  }
  return faults;
}

}  // namespace latchkey::clouds::azure::testing
