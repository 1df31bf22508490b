// For each reason of the catalogue, the responses of Azure that lead to it, through the whole provider.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/testing/azure_harness.hpp"
#include "crypto/certificate.hpp"
#include "kms/validation.hpp"

namespace latchkey::clouds::azure::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr std::string_view kForeignApp = "99999999-0000-4000-8000-000000000000";
constexpr std::string_view kPurgeDate = R"({"key":{},"attributes":{},"scheduledPurgeDate":1775099045})";

enum class Asked { Validate, Unwrap };

struct Signal {
  AzureReason reason;
  std::string name;
  std::function<void(AzureHarness&)> arrange;
  Asked asked = Asked::Validate;
  std::string_view says = "";
  bool foreign_app = false;
  kms::ValidationSettings settings = {};
};

std::function<void(AzureHarness&)> responds(std::string part, Response fixed) {
  return [part = std::move(part), fixed = std::move(fixed)](AzureHarness& h) { h.azure.always.emplace(part, fixed); };
}
std::function<void(AzureHarness&)> entra(unsigned status, std::string_view error, int number) {
  return responds("/token", entra_refusal(status, error, number));
}
std::function<void(AzureHarness&)> forbidden(std::string_view inner, std::string_view message = "") {
  return responds("/keys/", vault_refusal(403, "Forbidden", inner, message));
}
std::function<void(AzureHarness&)> fails(std::string part, http::TransportFailure how) {
  return responds(std::move(part), failure(how));
}
std::function<void(AzureHarness&)> attribute(std::string name, boost::json::value value) {
  return [=](AzureHarness& h) { h.azure.bundle["attributes"].as_object()[name] = value; };
}
std::function<void(AzureHarness&)> key_field(std::string name, boost::json::value value) {
  return [=](AzureHarness& h) { h.azure.bundle["key"].as_object()[name] = value; };
}
std::function<void(AzureHarness&)> not_found(Response deleted) {
  return [deleted = std::move(deleted)](AzureHarness& h) {
    h.azure.always.emplace("/keys/", vault_refusal(404, "KeyNotFound", "", "A key was not found in this key vault."));
    h.azure.always.emplace("/deletedkeys/", deleted);
  };
}

std::vector<Signal> entra_signals() {
  return {
      {reason::kAppNotConsented, "AADSTS700016", entra(400, "unauthorized_client", 700016)},
      {reason::kAppDisabled, "AADSTS7000112", entra(400, "unauthorized_client", 7000112)},
      {reason::kClientIdUnknown, "AADSTS700016 for their app", entra(400, "unauthorized_client", 700016),
       Asked::Validate, "Register the key without client_id", true},
      {reason::kClientIdUntrusted, "AADSTS700027 for their app", entra(401, "invalid_client", 700027), Asked::Validate,
       "Register the key without client_id", true},
      {reason::kTenantUnknown, "AADSTS90002", entra(400, "invalid_request", 90002)},
      {reason::kTenantUnknown, "AADSTS900023", entra(400, "invalid_request", 900023)},
      {reason::kConditionalAccess, "AADSTS53003", entra(400, "access_denied", 53003)},
      {reason::kConditionalAccess, "AADSTS530032", entra(400, "invalid_grant", 530032)},
      {reason::kSignInRefused, "an AADSTS that is not known", entra(400, "invalid_grant", 999999)},
      {reason::kWrongCloud, "AADSTS500011", entra(400, "invalid_resource", 500011)},
      {reason::kWrongCloud, "the challenge's resource",
       [](AzureHarness& h) {
         h.azure.accepted_token = "another";
         h.azure.resource = "https://vault.azure.cn";
       }},
      {reason::kTenantMismatch, "the challenge's tenant",
       [](AzureHarness& h) {
         h.azure.accepted_token = "another";
         h.azure.governing_tenant = "11111111-2222-4333-8444-555555555555";
       }},
      {reason::kTenantMismatch, "AKV10032",
       responds("/keys/", vault_refusal(401, "Unauthorized", "", "AKV10032: Invalid issuer."))},
      {reason::kTokenRefused, "401 twice", [](AzureHarness& h) { h.azure.accepted_token = "another"; }},
      {reason::kPlatformCredential, "AADSTS7000215", entra(401, "invalid_client", 7000215), Asked::Validate,
       "for the server's operator"},
      {reason::kPlatformCredential, "AADSTS7000222", entra(401, "invalid_client", 7000222), Asked::Validate,
       "has expired"},
      {reason::kPlatformCredential, "AADSTS700024", entra(401, "invalid_client", 700024), Asked::Validate, "clock"},
      {reason::kPlatformCredential, "AADSTS700211", entra(401, "invalid_client", 700211)},
      {reason::kThrottled, "AADSTS90055", entra(429, "temporarily_unavailable", 90055)},
      {reason::kProviderFault, "AADSTS90033", entra(503, "temporarily_unavailable", 90033)},
      {reason::kProviderFault, "a page that is not Entra's", responds("/token", response(400, "<html>no</html>"))},
      {reason::kRequestRejected, "AADSTS900144", entra(400, "invalid_request", 900144)},
  };
}

std::vector<Signal> vault_signals() {
  return {
      {reason::kRoleMissing, "ForbiddenByRbac", forbidden("ForbiddenByRbac"), Asked::Unwrap, "may not unwrap with"},
      {reason::kAccessPolicyVault, "ForbiddenByPolicy", forbidden("ForbiddenByPolicy")},
      {reason::kVaultFirewall, "ForbiddenByFirewall", forbidden("ForbiddenByFirewall")},
      {reason::kVaultFirewall, "the text alone", forbidden("", "Client address is not authorized and caller is not")},
      {reason::kPublicAccessDisabled, "ForbiddenByConnection", forbidden("ForbiddenByConnection")},
      {reason::kKeyDisabled, "KeyDisabled", [](AzureHarness& h) { h.azure.disabled = true; }, Asked::Unwrap},
      {reason::kKeyDisabled, "enabled: false", attribute("enabled", false)},
      {reason::kKeyExpired, "KeyExpired", forbidden("KeyExpired"), Asked::Unwrap},
      {reason::kKeyExpired, "exp", attribute("exp", 1'700'000'000), Asked::Validate, "(at 2023-11-14T"},
      {reason::kKeyNotYetValid, "KeyNotYetValid", forbidden("KeyNotYetValid"), Asked::Unwrap},
      {reason::kKeyNotYetValid, "nbf", attribute("nbf", 1'900'000'000), Asked::Validate, "(before 2030-03-17T"},
      {reason::kKeyOperation, "KeyOperationForbidden", forbidden("KeyOperationForbidden"), Asked::Unwrap},
      {reason::kKeyOperation, "key_ops", key_field("key_ops", boost::json::array{"wrapKey"}), Asked::Validate,
       "does not permit unwrapKey"},
      {reason::kKeyUnsuitable, "EC", key_field("kty", "EC"), Asked::Validate, "is of type EC"},
      {reason::kKeyUnsuitable, "2048 bits",
       key_field("n", boost::json::value(base64url_encode(Bytes(256, 0x80)).c_str())), Asked::Validate,
       "has 2048 bits"},
      {reason::kOrganizationTagMissing, "no tag", [](AzureHarness&) {}, Asked::Validate, "--tags latchkey-org-1=true",
       false, kms::ValidationSettings{kms::OrganizationBinding::Require, "latchkey-org-1", 3072}},
      {reason::kAccessDenied, "AccessDenied", forbidden("AccessDenied")},
      {reason::kAccessDenied, "an inner code that is not known", forbidden("ForbiddenByMoon")},
      {reason::kKeyDeleted, "404, and a deleted key", not_found(response(200, std::string(kPurgeDate))), Asked::Unwrap,
       "can be recovered until 2026-04-02T03:04:05"},
      {reason::kKeyDeleted, "404 for a key to validate, and a deleted key",
       not_found(response(200, std::string(kPurgeDate))), Asked::Validate,
       "az keyvault key recover --vault-name contoso"},
      {reason::kKeyDeleted, "409", responds("/keys/", vault_refusal(409, "Conflict", "ObjectIsDeletedButRecoverable"))},
      {reason::kKeyDeleted, "being deleted",
       responds("/keys/", vault_refusal(409, "Conflict", "ObjectIsBeingDeleted"))},
      {reason::kKeyPurged, "404, and no deleted key",
       not_found(vault_refusal(404, "KeyNotFound", "", "Deleted Key not found: my-key")), Asked::Unwrap,
       "az keyvault key restore"},
      {reason::kKeyNotFound, "404 for a key that nothing is known of",
       not_found(vault_refusal(404, "KeyNotFound", "", "Deleted Key not found: my-key")), Asked::Validate,
       "not among the vault's deleted keys"},
      {reason::kKeyNotFound, "404, and the vault does not tell more",
       not_found(vault_refusal(403, "Forbidden", "ForbiddenByRbac")), Asked::Unwrap, "was deleted or never existed. "},
      {reason::kKeyNotFound, "404, and the vault fails then", not_found(failure(http::TransportFailure::Interrupted)),
       Asked::Unwrap, "was deleted or never existed. "},
      {reason::kWrappedKeyDamaged, "400 BadParameter",
       responds("/unwrapkey", vault_refusal(400, "BadParameter", "", "Error occurred while decoding OAEP padding.")),
       Asked::Unwrap},
      {reason::kRequestRejected, "400 for the api-version",
       responds("/keys/", vault_refusal(400, "BadParameter", "", "The specified version (7.4) is not recognized."))},
      {reason::kRoundTripMismatch, "another secret", [](AzureHarness& h) { h.azure.mangles = true; }},
  };
}

std::vector<Signal> outages() {
  return {
      {reason::kThrottled, "429", responds("/keys/", vault_refusal(429, "Throttled", ""))},
      {reason::kTimedOut, "no response", fails("/keys/", http::TransportFailure::TimedOut)},
      {reason::kTimedOut, "408", responds("/keys/", response(408, ""))},
      {reason::kConnectionFailed, "a reset", fails("/keys/", http::TransportFailure::Interrupted)},
      {reason::kConnectionFailed, "DNS is down", fails("/keys/", http::TransportFailure::LookupFailed)},
      {reason::kConnectionFailed, "the login host has no address",
       fails("/token", http::TransportFailure::UnknownName)},
      {reason::kTlsFailed, "a certificate", fails("/keys/", http::TransportFailure::TlsFailed)},
      {reason::kProxyFailed, "the proxy", fails("/keys/", http::TransportFailure::ProxyFailed)},
      {reason::kProviderFault, "503", responds("/keys/", response(503, ""))},
      {reason::kProviderFault, "a redirect", responds("/keys/", response(302, ""))},
      {reason::kProviderFault, "HTML", responds("/unwrapkey", response(200, "<html>hello</html>")), Asked::Unwrap},
      {reason::kProviderFault, "another key's kid",
       responds("/unwrapkey", response(200, R"({"kid":"https://contoso.vault.azure.net/keys/other/)" +
                                                std::string(FakeAzure::kVersion) + R"(","value":"AAAA"})")),
       Asked::Unwrap},
      {reason::kProviderFault, "an endless response", fails("/keys/", http::TransportFailure::ResponseTooLarge)},
      {reason::kVaultNameUnknown, "NXDOMAIN", fails("/keys/", http::TransportFailure::UnknownName)},
      {reason::kVaultAddressRefused, "a private address", fails("/keys/", http::TransportFailure::AddressRefused)},
  };
}

std::vector<Signal> signals() {
  std::vector<Signal> all = entra_signals();
  for (auto&& more : {vault_signals(), outages()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

azure::Credential certificate(AzureHarness& h) {
  static const std::string kPem =
      crypto::make_self_signed_certificate(test_rsa_key(), {"latchkey", {}, {}, h.clock.now() - 1h, h.clock.now() + 1h},
                                           h.random)
          .value();
  return azure::ClientCertificate{kPem, test_rsa_key()};
}

// The error that the signal leads to.
std::optional<Error> told(const Signal& signal) {
  AzureHarness h;
  auto azure_key = FakeAzure::key();
  if (signal.foreign_app) {
    azure_key.client_id = kForeignApp;
    h.provider = h.make(certificate(h));
  }
  auto location = location_of(azure_key);
  kms::WrappedKey wrapped{FakeAzure::kid(),
                          test_rsa_key().encrypt(crypto::RsaEncryption::OaepSha256, Bytes(65, 1)).value()};
  signal.arrange(h);
  if (signal.asked == Asked::Validate) {
    auto done =
        h.run(kms::validate_key(*h.provider, azure_alone(), location, signal.settings, h.clock, h.random, h.in(60s)));
    if (done) return std::nullopt;
    return done.error();
  }
  auto done = h.run(h.provider->unwrap(location, {}, wrapped, h.in(60s)));
  if (done) return std::nullopt;
  return done.error();
}

TEST(ReasonSignals, EachResponseLeadsToItsReason) {
  for (const auto& signal : signals()) {
    const auto& entry = *signal.reason.reason().entry();
    auto error = told(signal);
    ASSERT_TRUE(error) << signal.name;
    EXPECT_EQ(error->reason, entry.code) << signal.name << ": " << error->message();
    EXPECT_EQ(error->code, entry.error) << signal.name << ": " << error->message();
    EXPECT_THAT(error->message(), HasSubstr(std::string(signal.says))) << signal.name;
    // No error may contain a placeholder of the docs.
    for (std::string_view placeholder :
         {"<vault>", "<key>", "<app>", "<host>", "<tenant>", "<what it said>", "<tag>"}) {
      bool tenant_unknown = entry.code == reason::kTenantUnknown.code;  // Entra is asked before any vault.
      EXPECT_TRUE(tenant_unknown || error->message().find(placeholder) == std::string::npos)
          << signal.name << ": " << error->message();
    }
  }
}

TEST(ReasonSignals, EachReasonHasOne) {
  // The local provider, the envelope, the suspensions and the limiter make these reasons, and vault_names makes one
  // from several responses. Their own tests show that.
  std::set<std::string_view> reached{reason::kRootKeyMismatch.code, envelope::reason::kDataKeyBinding.code,
                                     reason::kSuspended.code, reason::kNoTurn.code, reason::kVaultGone.code};
  for (const auto& signal : signals()) reached.insert(signal.reason.text().entry->code);
  for (const auto& text : kReasonTable) EXPECT_TRUE(reached.contains(text.entry->code)) << *text.entry;
  for (const auto& text : kms::kCommonReasons) EXPECT_TRUE(reached.contains(text.entry->code)) << *text.entry;
}

}  // namespace
}  // namespace latchkey::clouds::azure::testing
