#include "clouds/azure/provider/entra_protocol.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/id.hpp"
#include "clouds/azure/provider/reasons.hpp"
#include "crypto/certificate.hpp"
#include "crypto/jwt.hpp"
#include "testing/scripted_client.hpp"

namespace latchkey::clouds::azure {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Timestamp kNow = parse_timestamp("2026-01-02T03:04:05Z").value();
const TokenTarget kTarget{"login.microsoftonline.com", "72f988bf-86f1-41af-91ab-2d7cd011db47",
                          "8635ae1a-3e5d-44e8-a4ed-e0f614466f87", "https://vault.azure.net/.default"};
const std::string kEndpoint =
    "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/oauth2/v2.0/token";

std::map<std::string, std::string> form(const http::ClientRequest& request) {
  auto pairs = http::parse_query(request.body);
  return {pairs.value().begin(), pairs.value().end()};
}

TEST(TokenRequest, WithASecret) {
  auto request = build_token_request(kTarget, Proof::Secret, "p&ss w+rd=%", "corr-1");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, kEndpoint);
  EXPECT_EQ(request.headers.get("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.headers.get("client-request-id"), "corr-1");
  std::map<std::string, std::string> expected{{"grant_type", "client_credentials"},
                                              {"client_id", kTarget.client_id},
                                              {"scope", "https://vault.azure.net/.default"},
                                              {"client_secret", "p&ss w+rd=%"}};
  EXPECT_EQ(form(request), expected);
}

TEST(TokenRequest, WithAnAssertion) {
  auto request = build_token_request(kTarget, Proof::Assertion, "aaa.bbb.ccc", "corr-1");
  auto fields = form(request);
  EXPECT_EQ(fields["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  EXPECT_EQ(fields["client_assertion"], "aaa.bbb.ccc");
  EXPECT_FALSE(fields.contains("client_secret"));
}

TEST(ClientAssertion, IsWhatEntraWants) {
  auto key = crypto::RsaKey::generate(2048).value();
  kms::testing::CountingRandom random;
  auto certificate = crypto::make_self_signed_certificate(
      key, {"latchkey", {}, {}, kNow - std::chrono::hours(1), kNow + std::chrono::hours(1)}, random);
  ASSERT_TRUE(certificate);
  auto info = crypto::read_certificate(certificate.value()).value();
  auto text = make_client_assertion(kTarget, key, info.sha256_thumbprint, kNow, random);
  ASSERT_TRUE(text);
  auto jwt = crypto::jwt_parse(text.value());
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt.value().algorithm, crypto::RsaSignature::Ps256);
  EXPECT_TRUE(crypto::jwt_signature_valid(jwt.value(), info.public_key));
  EXPECT_EQ(jwt.value().header.at("x5t#S256").as_string(), base64url_encode(info.sha256_thumbprint));
  EXPECT_EQ(crypto::jwt_text(jwt.value(), "aud"), kEndpoint);
  EXPECT_EQ(crypto::jwt_text(jwt.value(), "iss"), kTarget.client_id);
  EXPECT_EQ(crypto::jwt_text(jwt.value(), "sub"), kTarget.client_id);
  EXPECT_TRUE(parse_uuid(crypto::jwt_text(jwt.value(), "jti")));
  auto begin = crypto::jwt_time(jwt.value(), "nbf");
  auto end = crypto::jwt_time(jwt.value(), "exp");
  ASSERT_TRUE(begin && end);
  EXPECT_EQ(*begin, std::chrono::floor<std::chrono::seconds>(kNow));
  EXPECT_EQ(*end - *begin, std::chrono::minutes(10));
  auto second = make_client_assertion(kTarget, key, info.sha256_thumbprint, kNow, random);
  EXPECT_NE(crypto::jwt_text(crypto::jwt_parse(second.value()).value(), "jti"), crypto::jwt_text(jwt.value(), "jti"));
}

TEST(TokenResponse, IsRead) {
  auto token = read_token_response(
      kTarget,
      {200, {}, R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ.a_b-c.d"})"},
      kNow);
  ASSERT_TRUE(token);
  EXPECT_EQ(as_text(token.value().text.reveal()), "eyJ.a_b-c.d");
  EXPECT_EQ(token.value().lifetime, std::chrono::seconds(3599));
  EXPECT_FALSE(token.value().refresh_in);
}

TEST(TokenResponse, RefusesWhatIsNoToken) {
  for (std::string body :
       {R"()", R"([])", R"({"expires_in":3599})", R"({"access_token":"","expires_in":3599})",
        R"({"access_token":"a b","expires_in":3599})", R"({"access_token":"a\r\nx-evil: 1","expires_in":3599})",
        R"({"access_token":7,"expires_in":3599})", R"({"access_token":"abc"})",
        R"({"access_token":"abc","expires_in":-1})", R"({"access_token":"abc","expires_in":"soon"})"}) {
    auto token = read_token_response(kTarget, {200, {}, body}, kNow);
    ASSERT_FALSE(token) << body;
    EXPECT_EQ(token.error().code, ErrorCode::KeyUnreachable);
    EXPECT_EQ(token.error().reason, reason::kProviderFault);
    EXPECT_THAT(token.error().message(), Not(HasSubstr("abc")));
  }
}

http::ClientResponse refusal(unsigned status, std::string_view error, long long number, std::string_view text,
                             bool with_codes = true) {
  boost::json::object body{{"error", error},
                           {"error_description", "AADSTS" + std::to_string(number) + ": " + std::string(text) +
                                                     " Trace ID: t Correlation ID: c Timestamp: 2026-01-02 03:04:05Z"},
                           {"trace_id", "trace-1"},
                           {"correlation_id", "corr-1"}};
  if (with_codes) body["error_codes"] = boost::json::array{number};
  return {status, {{"Retry-After", "4"}}, boost::json::serialize(body)};
}

struct Row {
  unsigned status;
  std::string_view error;
  long long number;
  ErrorCode code;
  Reason why;
  std::string_view says;
};

TEST(TokenErrors, TheWholeTable) {
  using enum ErrorCode;
  for (const auto& row : {
           Row{400, "unauthorized_client", 700016, KeyDenied, reason::kAppNotConsented,
               "az ad sp create --id 8635ae1a-3e5d-44e8-a4ed-e0f614466f87"},
           Row{400, "unauthorized_client", 7000112, KeyDenied, reason::kAppDisabled, "accountEnabled=true"},
           Row{400, "invalid_request", 90002, KeyDenied, reason::kTenantUnknown, "properties.tenantId"},
           Row{400, "invalid_request", 900023, KeyDenied, reason::kTenantUnknown, "tenant_id"},
           Row{401, "invalid_client", 7000215, KeyUnreachable, reason::kPlatformCredential, "operator"},
           Row{401, "invalid_client", 7000222, KeyUnreachable, reason::kPlatformCredential, "has expired"},
           Row{401, "invalid_client", 700027, KeyUnreachable, reason::kPlatformCredential, "upload the certificate"},
           Row{401, "invalid_client", 700024, KeyUnreachable, reason::kPlatformCredential, "clock"},
           Row{401, "invalid_client", 700023, KeyUnreachable, reason::kPlatformCredential, "operator"},
           Row{400, "invalid_grant", 50013, KeyUnreachable, reason::kPlatformCredential, "operator"},
           Row{401, "invalid_client", 500133, KeyUnreachable, reason::kPlatformCredential, "clock"},
           Row{400, "invalid_request", 70021, KeyUnreachable, reason::kPlatformCredential,
               "issuer, subject and audience"},
           Row{401, "invalid_client", 700211, KeyUnreachable, reason::kPlatformCredential,
               "issuer, subject and audience"},
           Row{401, "invalid_client", 700212, KeyUnreachable, reason::kPlatformCredential,
               "issuer, subject and audience"},
           Row{401, "invalid_client", 700213, KeyUnreachable, reason::kPlatformCredential,
               "issuer, subject and audience"},
           Row{400, "access_denied", 53003, KeyDenied, reason::kConditionalAccess, "named locations"},
           Row{400, "invalid_grant", 530032, KeyDenied, reason::kConditionalAccess, "Exclude its service principal"},
           Row{400, "invalid_resource", 500011, KeyDenied, reason::kWrongCloud, "another cloud"},
           Row{400, "invalid_scope", 70011, KeyUnreachable, reason::kRequestRejected, "did not understand"},
           Row{400, "invalid_request", 900144, KeyUnreachable, reason::kRequestRejected, "did not understand"},
           Row{400, "invalid_request", 50196, KeyUnreachable, reason::kThrottled, "throttling"},
           Row{503, "temporarily_unavailable", 90033, KeyUnreachable, reason::kProviderFault, "try again"},
           Row{503, "temporarily_unavailable", 90024, KeyUnreachable, reason::kProviderFault, "try again"},
           Row{429, "temporarily_unavailable", 90055, KeyUnreachable, reason::kThrottled, "throttling"},
           Row{401, "invalid_client", 999999, KeyUnreachable, reason::kPlatformCredential, "what Entra says"},
           Row{400, "invalid_grant", 999999, KeyDenied, reason::kSignInRefused, "what Entra says"},
           Row{500, "server_error", 999999, KeyUnreachable, reason::kProviderFault, "500"},
       }) {
    for (bool with_codes : {true, false}) {
      auto token =
          read_token_response(kTarget, refusal(row.status, row.error, row.number, "what Entra says", with_codes), kNow);
      ASSERT_FALSE(token);
      const auto& error = token.error();
      EXPECT_EQ(error.code, row.code) << row.number;
      EXPECT_EQ(error.reason, row.why) << row.number;
      EXPECT_THAT(error.message(), HasSubstr(std::string(row.says))) << row.number;
      EXPECT_THAT(error.message(), HasSubstr("AADSTS" + std::to_string(row.number))) << row.number;
      EXPECT_THAT(error.message(), HasSubstr("trace id trace-1, correlation id corr-1")) << row.number;
      EXPECT_THAT(error.message(), Not(HasSubstr("Timestamp"))) << row.number;
      EXPECT_EQ(error.retry_after.has_value(), row.code == KeyUnreachable) << row.number;
    }
  }
}

// The message tells nobody to consent to a stranger's app, and does not send the operator to look after it.
TEST(TokenErrors, AnAppThatTheOwnerRegisteredIsNotThePlatforms) {
  auto foreign = kTarget;
  foreign.platform_app = kTarget.client_id;
  foreign.client_id = "99999999-0000-4000-8000-000000000000";
  for (long long number : {700016LL, 700027LL, 7000215LL, 700211LL, 999999LL}) {
    auto token = read_token_response(foreign, refusal(401, "invalid_client", number, "what Entra says"), kNow);
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, ErrorCode::KeyDenied) << number;
    EXPECT_EQ(token.error().reason, number == 700016 ? reason::kClientIdUnknown : reason::kClientIdUntrusted);
    EXPECT_THAT(token.error().message(), HasSubstr("the app 99999999-0000-4000-8000-000000000000")) << number;
    EXPECT_THAT(token.error().message(), HasSubstr("Register the key without client_id, and consent to our app "
                                                   "8635ae1a-3e5d-44e8-a4ed-e0f614466f87"))
        << number;
    EXPECT_THAT(token.error().message(), Not(HasSubstr("create --id 9999"))) << number;
    EXPECT_THAT(token.error().message(), Not(HasSubstr("operator"))) << number;
  }
}

TEST(TokenErrors, WhoIsNotEntraRefusesNothing) {
  for (std::string body : {"", "<html>proxy</html>", "{}", R"({"error":7})"}) {
    for (unsigned status : {301U, 400U, 403U, 404U, 502U}) {
      auto token = read_token_response(kTarget, {status, {}, body}, kNow);
      ASSERT_FALSE(token);
      EXPECT_EQ(token.error().code, ErrorCode::KeyUnreachable) << status << body;
    }
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure
