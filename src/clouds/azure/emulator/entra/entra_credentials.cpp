#include "clouds/azure/emulator/entra/entra_credentials.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "crypto/jwt.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr Seconds kSkew = 300;
constexpr std::size_t kMaxRemembered = 100'000;
constexpr std::string_view kFederationHelp =
    "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. "
    "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
constexpr std::string_view kCertificateHelp =
    "Review the documentation at "
    "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .";

std::string without_padding(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::string header_text(const crypto::Jwt& jwt, std::string_view name) {
  const auto* value = jwt.header.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// The audience as a text, or as a list of one.
std::string audience_of(const crypto::Jwt& jwt) {
  const auto* value = jwt.claims.if_contains("aud");
  if (value != nullptr && value->is_array() && value->get_array().size() == 1) value = &value->get_array().front();
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Seconds seconds_of(const crypto::Jwt& jwt, std::string_view claim, Seconds otherwise) {
  auto time = crypto::jwt_time(jwt, claim);
  return time ? time->time_since_epoch().count() : otherwise;
}

EntraRefusal outside_its_time(const crypto::Jwt& jwt, Seconds now) {
  return invalid_client(
      700024, fmt::format("Client assertion is not within its valid time range. Current time: {}, assertion valid from "
                          "{}, expiry time of assertion {}. {}",
                          graph_time(now), graph_time(seconds_of(jwt, "nbf", seconds_of(jwt, "iat", 0))),
                          graph_time(seconds_of(jwt, "exp", 0)), kCertificateHelp));
}

// Entra does not limit how long an assertion is valid: older libraries sign for an hour or for a day.
bool is_in_time(const crypto::Jwt& jwt, Seconds now) {
  auto expires = crypto::jwt_time(jwt, "exp");
  return expires && expires->time_since_epoch().count() > now - kSkew && seconds_of(jwt, "nbf", 0) <= now + kSkew;
}

EntraRefusal bad_certificate(const Application& app, std::string_view reason, std::string_view thumbprint) {
  return invalid_client(
      700027,
      fmt::format("The certificate with identifier used to sign the client assertion is not registered on application. "
                  "[Reason - {}, Thumbprint of key used by client: '{}', Please visit the Azure Portal, Graph Explorer "
                  "or directly use MS Graph to see configured keys for app Id '{}'.]",
                  reason, thumbprint, app.app_id));
}

struct Signer {
  std::optional<crypto::CertificateInfo> certificate;
  std::string thumbprint;  // what the assertion named
};

// True where a `kid` is the certificate's SHA-1 thumbprint, as base64url or, as .NET's JWT handlers write it, in
// hexadecimal digits.
bool is_key_id_of(const crypto::CertificateInfo& info, std::string_view kid) {
  return base64url_encode(info.sha1_thumbprint) == kid || same(hex_encode(info.sha1_thumbprint), kid);
}

// Finds the application's certificate that the header names: by either thumbprint or, where it has none, by `kid`.
Signer find_signer(const Application& app, const crypto::Jwt& jwt) {
  Signer signer;
  auto sha256 = without_padding(header_text(jwt, "x5t#S256"));
  auto sha1 = without_padding(header_text(jwt, "x5t"));
  auto kid = without_padding(header_text(jwt, "kid"));
  signer.thumbprint = !sha256.empty() ? sha256 : !sha1.empty() ? sha1 : kid;
  if (signer.thumbprint.empty()) return signer;
  for (const auto& credential : app.certificates) {
    auto info = crypto::read_certificate(credential.certificate_pem);
    if (!info) continue;
    bool named = !sha256.empty() ? base64url_encode(info.value().sha256_thumbprint) == sha256
                 : !sha1.empty() ? base64url_encode(info.value().sha1_thumbprint) == sha1
                                 : is_key_id_of(info.value(), kid);
    if (named) {
      signer.certificate = std::move(info.value());
      break;
    }
  }
  return signer;
}

std::optional<EntraRefusal> check_signature(const AssertionCheck& check, const crypto::Jwt& jwt) {
  const auto& app = check.app;
  if (jwt.algorithm != crypto::RsaSignature::Rs256 && jwt.algorithm != crypto::RsaSignature::Ps256) {
    return invalid_client(5002738, fmt::format("Invalid JWT token. '{}' is not a supported signature algorithm. "
                                               "Supported signing algorithms are: 'RS256, PS256'.",
                                               header_text(jwt, "alg")));
  }
  auto signer = find_signer(app, jwt);
  if (!signer.certificate) return bad_certificate(app, "The key was not found.", signer.thumbprint);
  auto end = std::chrono::duration_cast<std::chrono::seconds>(signer.certificate->not_after.time_since_epoch()).count();
  if (end <= check.now) return bad_certificate(app, "The key used is expired.", signer.thumbprint);
  if (!crypto::jwt_signature_valid(jwt, signer.certificate->public_key)) {
    return bad_certificate(app, "The key was found, but use of the key to verify the signature failed.",
                           signer.thumbprint);
  }
  return std::nullopt;
}

std::optional<EntraRefusal> check_certificate_assertion(const AssertionCheck& check, const crypto::Jwt& jwt,
                                                        const std::string& assertion, AssertionMemory& memory) {
  if (!same(crypto::jwt_text(jwt, "sub"), check.app.app_id)) {
    return invalid_client(700021, "Client assertion application identifier doesn't match 'client_id' parameter.");
  }
  if (auto refused = check_signature(check, jwt)) return refused;
  if (!is_in_time(jwt, check.now)) return outside_its_time(jwt, check.now);
  auto audience = normal_audience(audience_of(jwt));
  if (std::find(check.audiences.begin(), check.audiences.end(), audience) == check.audiences.end()) {
    return invalid_client(
        700023, fmt::format("Client assertion audience claim does not match Realm issuer. {}", kCertificateHelp));
  }
  auto id = crypto::jwt_text(jwt, "jti");
  if (id.empty() ? check.once
                 : !memory.admit(check.app.app_id + "/" + id, assertion, seconds_of(jwt, "exp", 0) + kSkew, check.now,
                                 check.once)) {
    return invalid_client(50013, "Assertion failed replay check: its 'jti' is missing or was used before.");
  }
  return std::nullopt;
}

EntraRefusal no_match(int number, std::string_view what, std::string_view value) {
  return invalid_client(
      number, fmt::format("No matching federated identity record found for presented assertion {} '{}'. {}", what,
                          value, kFederationHelp));
}

// The closest credential decides which part of the triple the refusal names, as at Entra.
std::optional<EntraRefusal> match_federated(const Application& app, const crypto::Jwt& jwt) {
  auto issuer = crypto::jwt_text(jwt, "iss");
  auto subject = crypto::jwt_text(jwt, "sub");
  auto audience = audience_of(jwt);
  bool issuer_fits = false;
  bool subject_fits = false;
  for (const auto& credential : app.federated) {
    if (credential.issuer != issuer) continue;
    issuer_fits = true;
    if (credential.subject != subject) continue;
    subject_fits = true;
    if (credential.audience == audience) return std::nullopt;
  }
  if (subject_fits) return no_match(700212, "audience", audience);
  if (issuer_fits) return no_match(700213, "subject", subject);
  return no_match(700211, "issuer", issuer);
}

// The issuer's key that the token names, or its only one.
std::optional<crypto::RsaKey> find_issuer_key(const TrustedIssuer& issuer, const std::string& kid) {
  const auto* keys = issuer.jwks.if_contains("keys");
  if (keys == nullptr || !keys->is_array()) return std::nullopt;
  for (const auto& item : keys->get_array()) {
    if (!item.is_object()) continue;
    const auto* id = item.get_object().if_contains("kid");
    bool named = id != nullptr && id->is_string() && std::string_view(id->get_string()) == kid;
    if (!named && !(kid.empty() && keys->get_array().size() == 1)) continue;
    auto key = crypto::from_jwk(item.get_object());
    if (key) return std::move(key.value());
  }
  return std::nullopt;
}

std::optional<EntraRefusal> check_federated_assertion(const AssertionCheck& check, const crypto::Jwt& jwt) {
  const auto& app = check.app;
  if (app.federated.empty()) {
    return invalid_client(70025, fmt::format("The client '{}'({}) has no configured federated identity credentials.",
                                             app.app_id, app.display_name));
  }
  if (auto refused = match_federated(app, jwt)) return refused;
  auto issuer = check.model.issuers.find(crypto::jwt_text(jwt, "iss"));
  if (issuer == check.model.issuers.end()) {
    return EntraRefusal{50166, 400, "invalid_request",
                        "Request to External OIDC endpoint failed: the keys of this issuer are not configured in the "
                        "emulator, and it fetches none."};
  }
  auto key = find_issuer_key(issuer->second, header_text(jwt, "kid"));
  if (jwt.algorithm != crypto::RsaSignature::Rs256 || !key || !crypto::jwt_signature_valid(jwt, *key)) {
    return invalid_client(50013, fmt::format("Assertion failed signature validation. [Reason - {}]",
                                             key ? "The signature does not fit the key." : "The key was not found."));
  }
  if (!is_in_time(jwt, check.now)) return outside_its_time(jwt, check.now);
  return std::nullopt;
}

}  // namespace

std::string normal_audience(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  constexpr std::string_view kPort = ":443";
  auto text = lower(url.substr(0, url.find_first_of("?#")));
  if (!text.starts_with(kScheme)) return text;
  std::string normal(kScheme);
  for (auto c : std::string_view(text).substr(kScheme.size())) {
    if (c == '/' && normal.ends_with('/')) continue;
    if (c == '/' && normal.ends_with(kPort)) normal.erase(normal.size() - kPort.size());
    normal += c;
  }
  if (normal.ends_with('/')) normal.pop_back();
  return normal;
}

std::vector<std::string> assertion_audiences(const AssertionAddress& address) {
  std::vector<std::string> origins = {"https://login.microsoftonline.com", "https://login.windows.net",
                                      "https://login.microsoft.com", "https://sts.windows.net"};
  if (!address.local_origin.empty()) origins.push_back(address.local_origin);
  std::vector<std::string> audiences;
  for (const auto& name : {address.tenant, address.tenant_id, address.domain}) {
    for (const auto& origin : origins) {
      // The token endpoints, and the issuer's URL in the two spellings that Microsoft's pages have.
      for (auto path : {"oauth2/v2.0/token", "oauth2/token", "v2.0", "v2"}) {
        audiences.push_back(normal_audience(fmt::format("{}/{}/{}", origin, name, path)));
      }
    }
  }
  audiences.push_back(normal_audience(fmt::format("https://sts.windows.net/{}", address.tenant_id)));
  return audiences;
}

bool AssertionMemory::admit(const std::string& id, const std::string& assertion, Seconds expires, Seconds now,
                            bool once) {
  auto digest = hex_encode(crypto::sha256(as_bytes(assertion)));
  MutexLock lock(mutex_);
  if (auto found = seen_.find(id); found != seen_.end() && found->second.expires > now) {
    return !once && found->second.digest == digest;
  }
  if (seen_.size() >= kMaxRemembered) {
    std::erase_if(seen_, [now](const auto& entry) { return entry.second.expires <= now; });
  }
  // Assertions that are valid for years must not fill the memory for everybody else.
  if (seen_.size() >= kMaxRemembered) return !once;
  seen_[id] = Seen{digest, expires};
  return true;
}

std::optional<EntraRefusal> check_secret(const Application& app, std::string_view secret, Seconds now) {
  auto digest = hex_encode(crypto::sha256(as_bytes(secret)));
  for (const auto& credential : app.secrets) {
    if (!crypto::equal_constant_time(as_bytes(credential.sha256), as_bytes(digest))) continue;
    if (credential.end > now && credential.start <= now + kSkew) return std::nullopt;
    return invalid_client(
        7000222, fmt::format("The provided client secret keys for app '{}' are expired. Visit the Azure portal to "
                             "create new keys for your app: https://aka.ms/NewClientSecret, or consider using "
                             "certificate credentials for added security: https://aka.ms/certCreds.",
                             app.app_id));
  }
  return invalid_client(7000215, fmt::format("Invalid client secret provided. Ensure the secret being sent in the "
                                             "request is the client secret value, not the client secret ID, for a "
                                             "secret added to app '{}'.",
                                             app.app_id));
}

std::optional<EntraRefusal> check_assertion(const AssertionCheck& check, const std::string& assertion,
                                            AssertionMemory& memory) {
  auto parsed = crypto::jwt_parse(assertion);
  if (!parsed) return invalid_client(50027, "JWT token is invalid or malformed.");
  const auto& jwt = parsed.value();
  auto issuer = crypto::jwt_text(jwt, "iss");
  if (same(issuer, check.app.app_id)) return check_certificate_assertion(check, jwt, assertion, memory);
  if (is_guid(issuer)) {
    return invalid_client(700021, "Client assertion application identifier doesn't match 'client_id' parameter.");
  }
  return check_federated_assertion(check, jwt);
}

}  // namespace latchkey::clouds::azure::emulator
