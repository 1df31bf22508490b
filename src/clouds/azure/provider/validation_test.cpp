#include "kms/validation.hpp"

#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "clouds/azure/provider/reasons.hpp"
#include "clouds/azure/provider/testing/azure_harness.hpp"
#include "testing/matchers.hpp"

namespace latchkey::clouds::azure {
namespace {

using namespace std::chrono_literals;
using latchkey::testing::IsErrorFor;
using latchkey::testing::IsErrorThatSays;
using testing::AzureHarness;
using testing::entra_refusal;
using testing::failure;
using testing::FakeAzure;
using ::testing::HasSubstr;
using testing::vault_refusal;

struct Case {
  std::string name;
  std::function<void(AzureHarness&)> arrange;
  ErrorCode code = ErrorCode::KeyDenied;
  Reason why;
  std::string says;
  std::size_t wraps = 0;  // how far it went
};

boost::json::object& key_of(AzureHarness& h) {
  return h.azure.bundle["key"].as_object();
}
boost::json::object& attributes_of(AzureHarness& h) {
  return h.azure.bundle["attributes"].as_object();
}
std::int64_t seconds_from_now(AzureHarness& h, std::chrono::seconds away) {
  return std::chrono::floor<std::chrono::seconds>(h.clock.now() + away).time_since_epoch().count();
}
void always(AzureHarness& h, std::string part, testing::Response response) {
  h.azure.always.emplace(std::move(part), std::move(response));
}

Result<void> validate(AzureHarness& h, kms::ValidationSettings settings = {}, std::chrono::milliseconds time = 30s) {
  kms::KeyLocation location = FakeAzure::location();
  return h.run(
      kms::validate_key(*h.provider, testing::azure_alone(), location, settings, h.clock, h.random, h.in(time)));
}

TEST(Validation, AKeyMadeByTheGuidePasses) {
  AzureHarness h;
  auto checked = validate(h);
  ASSERT_TRUE(checked) << checked.error().message();
  EXPECT_EQ(h.client.count("/wrapkey"), 1U);
  EXPECT_EQ(h.client.count("/unwrapkey"), 1U);
}

TEST(Validation, HsmKeysAndDatesAroundNowPass) {
  AzureHarness h;
  key_of(h)["kty"] = "RSA-HSM";
  attributes_of(h)["nbf"] = seconds_from_now(h, 0s);
  attributes_of(h)["exp"] = seconds_from_now(h, 1s);
  EXPECT_TRUE(validate(h));
}

std::vector<Case> cases() {
  using enum ErrorCode;
  return {
      {"app not consented", [](auto& h) { always(h, "/token", entra_refusal(400, "unauthorized_client", 700016)); },
       KeyDenied, reason::kAppNotConsented, "az ad sp create --id"},
      {"tenant unknown", [](auto& h) { always(h, "/token", entra_refusal(400, "invalid_request", 90002)); }, KeyDenied,
       reason::kTenantUnknown, "properties.tenantId"},
      {"conditional access", [](auto& h) { always(h, "/token", entra_refusal(400, "access_denied", 53003)); },
       KeyDenied, reason::kConditionalAccess, "named locations"},
      {"our secret", [](auto& h) { always(h, "/token", entra_refusal(401, "invalid_client", 7000222)); },
       KeyUnreachable, reason::kPlatformCredential, "operator"},
      {"tenant mismatch",
       [](auto& h) {
         h.azure.governing_tenant = "11111111-2222-4333-8444-555555555555";
         h.azure.accepted_token = "another";
       },
       KeyDenied, reason::kTenantMismatch, "11111111-2222-4333-8444-555555555555"},
      {"vault unknown", [](auto& h) { always(h, "/keys/", failure(http::TransportFailure::UnknownName)); },
       KeyUnreachable, reason::kVaultNameUnknown, "does not exist in DNS"},
      {"no role", [](auto& h) { always(h, "/keys/", vault_refusal(403, "Forbidden", "ForbiddenByRbac")); }, KeyDenied,
       reason::kRoleMissing, "az role assignment create"},
      {"firewall", [](auto& h) { always(h, "/keys/", vault_refusal(403, "Forbidden", "ForbiddenByFirewall")); },
       NetworkBlocked, reason::kVaultFirewall, "az keyvault network-rule add"},
      {"private only", [](auto& h) { always(h, "/keys/", vault_refusal(403, "Forbidden", "ForbiddenByConnection")); },
       NetworkBlocked, reason::kPublicAccessDisabled, "--public-network-access Enabled"},
      {"deleted", [](auto& h) { always(h, "/keys/", vault_refusal(404, "KeyNotFound", "")); }, KeyDenied,
       reason::kKeyNotFound, "az keyvault key recover --vault-name contoso --name my-key"},
      {"throttled", [](auto& h) { always(h, "/keys/", vault_refusal(429, "Throttled", "")); }, KeyUnreachable,
       reason::kThrottled, "throttling"},
      {"EC", [](auto& h) { key_of(h)["kty"] = "EC"; }, KeyDenied, reason::kKeyUnsuitable, "--kty RSA --size 3072"},
      {"RSA-2048", [](auto& h) { key_of(h)["n"] = base64url_encode(Bytes(256, 0x80)); }, KeyDenied,
       reason::kKeyUnsuitable, "has 2048 bits; it must have at least 3072"},
      {"disabled", [](auto& h) { attributes_of(h)["enabled"] = false; }, KeyDenied, reason::kKeyDisabled,
       "az keyvault key set-attributes --vault-name contoso --name my-key --enabled true"},
      {"expired", [](auto& h) { attributes_of(h)["exp"] = seconds_from_now(h, 0s); }, KeyDenied, reason::kKeyExpired,
       "2026-01-02T03:04:05"},
      {"not yet valid", [](auto& h) { attributes_of(h)["nbf"] = seconds_from_now(h, 1s); }, KeyDenied,
       reason::kKeyNotYetValid, "--not-before"},
      {"no wrapKey", [](auto& h) { key_of(h)["key_ops"] = boost::json::array{"unwrapKey"}; }, KeyDenied,
       reason::kKeyOperation, "does not permit wrapKey"},
      {"no unwrapKey",
       [](auto& h) {
         key_of(h)["key_ops"] = boost::json::array{"wrapKey", "encrypt"};
       },
       KeyDenied, reason::kKeyOperation, "does not permit unwrapKey"},
      {"wrap refused", [](auto& h) { always(h, "/wrapkey", vault_refusal(403, "Forbidden", "ForbiddenByRbac")); },
       KeyDenied, reason::kRoleMissing, "may not wrap with", 1},
      {"unwrap refused", [](auto& h) { h.azure.disabled = true; }, KeyDenied, reason::kKeyDisabled, "is disabled", 1},
      {"round trip", [](auto& h) { h.azure.mangles = true; }, Corrupt, reason::kRoundTripMismatch,
       "did not come back the same", 1},
  };
}

TEST(Validation, EachFailureNamesItsCure) {
  for (const auto& c : cases()) {
    AzureHarness h;
    c.arrange(h);
    auto checked = validate(h);
    ASSERT_FALSE(checked) << c.name;
    EXPECT_EQ(checked.error().code, c.code) << c.name << ": " << checked.error().message();
    EXPECT_EQ(checked.error().reason, c.why) << c.name;
    EXPECT_THAT(checked.error().message(), HasSubstr(c.says)) << c.name;
    EXPECT_EQ(h.client.count("/wrapkey"), c.wraps) << c.name;
  }
}

TEST(Validation, TheFirstFailureInOrderIsTold) {
  AzureHarness h;
  key_of(h)["kty"] = "EC";
  key_of(h)["n"] = base64url_encode(Bytes(256, 0x80));
  attributes_of(h)["enabled"] = false;
  attributes_of(h)["exp"] = 1;
  key_of(h)["key_ops"] = boost::json::array{};
  EXPECT_THAT(validate(h), IsErrorFor(reason::kKeyUnsuitable));
  key_of(h)["kty"] = "RSA";
  EXPECT_THAT(validate(h), IsErrorThatSays(HasSubstr("2048 bits")));
  key_of(h)["n"] = base64url_encode(testing::test_rsa_key().modulus());
  EXPECT_THAT(validate(h), IsErrorFor(reason::kKeyDisabled));
  attributes_of(h)["enabled"] = true;
  EXPECT_THAT(validate(h), IsErrorFor(reason::kKeyExpired));
  attributes_of(h).erase("exp");
  EXPECT_THAT(validate(h), IsErrorFor(reason::kKeyOperation));
}

TEST(Validation, TheOrganizationsTag) {
  struct TagCase {
    kms::OrganizationBinding binding;
    std::string_view tag, value;
    bool passes;
  };
  for (const auto& c : {TagCase{kms::OrganizationBinding::Off, "other", "true", true},
                        TagCase{kms::OrganizationBinding::Warn, "other", "true", true},
                        TagCase{kms::OrganizationBinding::Require, "latchkey-org-1", "true", true},
                        TagCase{kms::OrganizationBinding::Require, "latchkey-org-1", "false", false},
                        TagCase{kms::OrganizationBinding::Require, "latchkey-org-2", "true", false}}) {
    AzureHarness h;
    h.azure.bundle["tags"].as_object()[c.tag] = c.value;
    auto checked = validate(h, {c.binding, "latchkey-org-1", 3072});
    EXPECT_EQ(checked.has_value(), c.passes) << c.tag;
    if (checked) continue;
    EXPECT_EQ(checked.error().code, ErrorCode::KeyDenied);
    EXPECT_EQ(checked.error().reason, reason::kOrganizationTagMissing);
    EXPECT_THAT(checked.error().message(), HasSubstr("--tags latchkey-org-1=true"));
  }
}

TEST(Validation, TimeThatRunsOutIsNotTheKeysFault) {
  AzureHarness h;
  h.azure.always.emplace("/keys/", failure(http::TransportFailure::TimedOut));
  // Each attempt eats its whole time.
  h.client.set([&h](const http::ClientRequest& request) {
    if (request.url.find("/keys/") != std::string::npos) {
      h.clock.advance(std::chrono::duration_cast<std::chrono::microseconds>(request.deadline - h.clock.steady()));
    }
    return h.azure(request);
  });
  auto checked = validate(h, {}, 8s);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::DeadlineExceeded);
  EXPECT_EQ(checked.error().reason, reason::kTimedOut);
}

TEST(Validation, ThrottlingUntilTheEndIsStillThrottling) {
  AzureHarness h;
  h.azure.always.emplace("/keys/", testing::response(429, "", {{"Retry-After", "60"}}));
  auto checked = validate(h);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(checked.error().reason, reason::kThrottled);
  EXPECT_EQ(checked.error().retry_after, 60s);
}

}  // namespace
}  // namespace latchkey::clouds::azure
