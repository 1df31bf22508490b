// The calls as they are sent, and how their responses are read. The emulator serves the same calls in
// tests/integration.
#include "clouds/azure/customer/clients.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/certificate.hpp"
#include "crypto/jwt.hpp"
#include "testing/matchers.hpp"
#include "testing/scripted_client.hpp"

namespace latchkey::clouds::azure::customer {
namespace {

using kms::testing::response;
using kms::testing::Response;
using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using ::testing::HasSubstr;

class Clients : public ::testing::Test {
 protected:
  Clients() {
    variables_ = {{"AZURE_CLIENT_ID", "app"}, {"AZURE_TENANT_ID", "contoso.com"}, {"AZURE_CLIENT_SECRET", "s3cret+/"}};
  }

  Result<std::unique_ptr<SignIn>> sign_in(const Cloud& cloud = public_cloud()) {
    auto variables = [this](const std::string& name) { return variables_.contains(name) ? variables_[name] : ""; };
    return make_sign_in(variables, cloud, {transport_, clock_, random_});
  }
  Rest::Tools tools() {
    signed_in_ = std::move(sign_in().value());
    return {*signed_in_, transport_, clock_, random_};
  }
  Response respond(const http::ClientRequest& request) {
    if (request.url.ends_with("/token")) {
      return response(token_status_, token_body_);
    }
    return reply_(request);
  }

  std::map<std::string, std::string> variables_;
  unsigned token_status_ = 200;
  std::string token_body_ = R"({"token_type":"Bearer","expires_in":3599,"access_token":"t0ken"})";
  std::function<Response(const http::ClientRequest&)> reply_ = [](const auto&) { return response(200, "{}"); };
  kms::testing::ScriptedClient client_{[this](const http::ClientRequest& request) { return respond(request); }};
  ManualClock clock_{parse_timestamp("2026-03-01T12:00:00Z").value()};
  kms::testing::CountingRandom random_;
  std::shared_ptr<kms::RetryingTransport> transport_ = std::make_shared<kms::RetryingTransport>(
      client_, clock_, random_, std::make_shared<kms::testing::ClockSleeper>(clock_), kms::RetrySettings{});
  std::unique_ptr<SignIn> signed_in_;
};

TEST_F(Clients, SignInWithASecretOnceForEachResource) {
  auto signing = sign_in();
  ASSERT_TRUE(signing);
  for (int i = 0; i < 2; ++i) {
    auto token = signing.value()->token("", "https://graph.microsoft.com/");
    ASSERT_TRUE(token) << token.error().message();
    EXPECT_EQ(as_text(token.value()->reveal()), "t0ken");
  }
  ASSERT_EQ(client_.requests().size(), 1U);
  auto request = client_.requests().front();
  EXPECT_EQ(request.url, "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token");
  EXPECT_THAT(request.body, HasSubstr("client_secret=s3cret%2B%2F"));
  EXPECT_THAT(request.body, HasSubstr("scope=https%3A%2F%2Fgraph.microsoft.com%2F%2F.default"));
  ASSERT_TRUE(signing.value()->token("72f988bf-86f1-41af-91ab-2d7cd011db47", "https://graph.microsoft.com/"));
  EXPECT_EQ(client_.requests().size(), 2U);
}

TEST_F(Clients, SayWhatEntraSaysAndNeverTheSecret) {
  token_status_ = 401;
  token_body_ = R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret. Trace ID: 1"})";
  auto signing = sign_in();
  auto token = signing.value()->token("", "https://vault.azure.net");
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::Unauthenticated);
  EXPECT_THAT(token.error().message(), HasSubstr("AADSTS7000215: Invalid client secret"));
  EXPECT_THAT(token.error().message(), HasSubstr("AZURE_CLIENT_ID"));
  EXPECT_THAT(token.error().message(), ::testing::Not(HasSubstr("s3cret")));
  token_status_ = 503;
  token_body_ = "<html>";
  EXPECT_THAT(signing.value()->token("", "https://vault.azure.net"), IsError(ErrorCode::Unavailable));
}

TEST_F(Clients, ABlockedSignInIsNoWrongCredential) {
  token_status_ = 400;
  token_body_ =
      R"({"error":"access_denied","error_description":"AADSTS53003: Access has been blocked by Conditional Access policies."})";
  auto signing = sign_in();
  auto token = signing.value()->token("", "https://vault.azure.net");
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::PermissionDenied);
  EXPECT_THAT(token.error().message(), HasSubstr("blocked by a Conditional Access policy of that tenant: AADSTS53003"));
  EXPECT_THAT(token.error().message(), ::testing::Not(HasSubstr("Check AZURE")));
}

TEST_F(Clients, SignInWithAFederatedTokenOrACertificate) {
  auto folder = std::filesystem::path(::testing::TempDir());
  auto token_file = (folder / fmt::format("federated-{}", getpid())).string();
  std::ofstream(token_file) << "issued.by.others\n";
  variables_.erase("AZURE_CLIENT_SECRET");
  variables_["AZURE_FEDERATED_TOKEN_FILE"] = token_file;
  ASSERT_TRUE(sign_in().value()->token("", "https://vault.azure.net"));
  EXPECT_THAT(client_.requests().back().body, HasSubstr("&client_assertion=issued.by.others"));

  auto key = crypto::RsaKey::generate(2048).value();
  crypto::CertificateRequest request;
  request.common_name = "admin";
  request.not_before = clock_.now();
  request.not_after = clock_.now() + std::chrono::hours(1);
  auto pem_file = (folder / fmt::format("certificate-{}.pem", getpid())).string();
  std::ofstream(pem_file) << crypto::make_self_signed_certificate(key, request, random_).value()
                          << as_text(key.private_pem().value().reveal());
  variables_["AZURE_CLIENT_CERTIFICATE_PATH"] = pem_file;
  ASSERT_TRUE(sign_in().value()->token("", "https://vault.azure.net")) << "a certificate goes before a federated token";
  auto body = client_.requests().back().body;
  auto assertion = crypto::jwt_parse(body.substr(body.rfind('=') + 1));
  ASSERT_TRUE(assertion);
  EXPECT_EQ(crypto::jwt_text(assertion.value(), "iss"), "app");
  EXPECT_TRUE(crypto::jwt_signature_valid(assertion.value(), key));
  std::ofstream(pem_file) << "no certificate";
  auto refused = sign_in();
  ASSERT_FALSE(refused) << "before anybody is asked";
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_THAT(refused.error().message(), HasSubstr("AZURE_CLIENT_CERTIFICATE_PATH"));
  std::filesystem::remove(token_file);
  std::filesystem::remove(pem_file);
}

TEST_F(Clients, RefuseAHalfSetEnvironment) {
  for (const auto* missing : {"AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"}) {
    auto whole = variables_;
    variables_.erase(missing);
    auto signing = sign_in();
    ASSERT_FALSE(signing) << missing;
    EXPECT_EQ(signing.error().code, ErrorCode::Invalid) << missing;
    EXPECT_THAT(signing.error().message(), HasSubstr(missing));
    variables_ = whole;
  }
  variables_.erase("AZURE_CLIENT_SECRET");
  variables_["AZURE_CLIENT_CERTIFICATE_PATH"] = "/nowhere/cert.pem";
  auto unreadable = sign_in();
  ASSERT_FALSE(unreadable);
  EXPECT_EQ(unreadable.error().code, ErrorCode::Invalid);
  EXPECT_THAT(unreadable.error().message(), HasSubstr("AZURE_CLIENT_CERTIFICATE_PATH: "));
}

TEST_F(Clients, TellRefusalsApart) {
  struct Case {
    unsigned status;
    std::string body;
    ErrorCode code;
    std::string reason;
  };
  const std::vector<Case> cases{
      {404, R"({"error":{"code":"KeyNotFound","message":"A key was not found"}})", ErrorCode::NotFound, "KeyNotFound"},
      {403, R"({"error":{"code":"Forbidden","message":"no","innererror":{"code":"ForbiddenByRbac"}}})",
       ErrorCode::PermissionDenied, "ForbiddenByRbac"},
      {403, R"({"error":{"code":"Forbidden","message":"no","innerError":{"code":"ForbiddenByFirewall"}}})",
       ErrorCode::NetworkBlocked, "ForbiddenByFirewall"},
      {409, R"({"error":{"code":"RoleAssignmentExists","message":"x"}})", ErrorCode::Conflict, "RoleAssignmentExists"},
      {400, "not JSON", ErrorCode::Invalid, ""},
      {401, R"({"error":"odd"})", ErrorCode::Unauthenticated, ""},
      {302, "", ErrorCode::Invalid, ""},
      {503, "", ErrorCode::Unavailable, ""}};
  ResourceManager resources(tools(), public_cloud());
  for (const auto& each : cases) {
    reply_ = [&](const auto&) { return response(each.status, each.body); };
    auto vault = resources.vault("/subscriptions/s/vaults/v");
    ASSERT_FALSE(vault) << each.status;
    EXPECT_EQ(vault.error().code, each.code) << each.status;
    EXPECT_EQ(vault.error().reason, each.reason) << each.status;
    EXPECT_THAT(vault.error().message(), HasSubstr("reading the vault")) << each.status;
  }
  reply_ = [](const auto&) { return response(200, "[1, 2]"); };
  EXPECT_THAT(resources.vault("/v"), IsError(ErrorCode::Unavailable));
  reply_ = [](const auto&) { return kms::testing::failure(http::TransportFailure::UnknownName); };
  EXPECT_THAT(resources.vault("/v"), IsErrorFor("UnknownName"));
}

TEST_F(Clients, ListsFollowTheirPagesAndNoStranger) {
  ResourceManager resources(tools(), public_cloud());
  reply_ = [](const http::ClientRequest& request) {
    if (request.url.find("page=2") != std::string::npos) return response(200, R"({"value":[{"id":"/b","name":"b"}]})");
    return response(200,
                    R"({"value":[{"id":"/a","name":"a"}, 7],"nextLink":"https://management.azure.com/next?page=2"})");
  };
  auto all = resources.vaults("s");
  ASSERT_TRUE(all) << all.error().message();
  ASSERT_EQ(all.value().size(), 2U);
  EXPECT_EQ(all.value()[1].name, "b");
  reply_ = [](const auto&) { return response(200, R"({"value":[],"nextLink":"https://evil.example/next"})"); };
  EXPECT_THAT(resources.vaults("s"), IsError(ErrorCode::Unavailable));
  EXPECT_EQ(client_.count("evil.example"), 0U);
  reply_ = [](const auto&) { return response(200, R"({"value":[],"nextLink":"https://management.azure.com/again"})"); };
  EXPECT_THAT(resources.vaults("s"), IsError(ErrorCode::Unavailable)) << "a list without an end";
}

TEST_F(Clients, TheKeyIsAskedForInAVaultOfTheCloudAlone) {
  for (const auto* uri : {"https://contoso.vault.azure.cn/", "https://evil.example/", "http://contoso.vault.azure.net/",
                          "https://contoso.vault.azure.net:8443/", ""}) {
    EXPECT_FALSE(VaultKeys::create(tools(), public_cloud(), "t", uri)) << uri;
  }
  auto keys = VaultKeys::create(tools(), public_cloud(), "72f988bf-86f1-41af-91ab-2d7cd011db47",
                                "https://Contoso.vault.azure.net");
  ASSERT_TRUE(keys);
  // The modulus is as long as its first byte that is not zero says.
  reply_ = [](const auto&) {
    return response(200, R"({"key":{"kid":"k","kty":"RSA","key_ops":["wrapKey",3],"n":"AAECAw"},
                          "attributes":{"enabled":true,"exp":1800000000,"nbf":"soon"}})");
  };
  auto key = keys.value().get("cmek");
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(key.value().bits, 24U);
  EXPECT_EQ(key.value().operations, std::vector<std::string>{"wrapKey"});
  EXPECT_TRUE(key.value().expires);
  EXPECT_FALSE(key.value().not_before);
  auto request = client_.requests().back();
  EXPECT_EQ(request.url, "https://contoso.vault.azure.net/keys/cmek?api-version=7.4");
  EXPECT_EQ(request.headers.get("authorization"), "Bearer t0ken");
  EXPECT_EQ(client_.count("72f988bf-86f1-41af-91ab-2d7cd011db47/oauth2"), 1U) << "a token of the vault's tenant";
}

TEST_F(Clients, AKeyIsMadeOnceHoweverTheCallEnds) {
  auto keys = VaultKeys::create(tools(), public_cloud(), "contoso.com", "https://contoso.vault.azure.net");
  reply_ = [](const auto&) { return response(503, ""); };
  EXPECT_FALSE(keys.value().make("cmek", "RSA", 3072));
  EXPECT_EQ(client_.count("/create"), 1U) << "a second call would make a second version";
  EXPECT_FALSE(keys.value().get("cmek"));
  EXPECT_GT(client_.count("/keys/cmek?"), 1U);
}

TEST_F(Clients, QuotesInNamesStayInTheirFilter) {
  Graph graph(tools(), public_cloud(), "contoso.com");
  reply_ = [](const auto&) { return response(200, R"({"value":[]})"); };
  ASSERT_TRUE(graph.named("it's"));
  EXPECT_THAT(client_.requests().back().url, HasSubstr("startswith%28displayName%2C%27it%27%27s%27%29"));
  auto none = graph.find("8635ae1a-3e5d-44e8-a4ed-e0f614466f87");
  ASSERT_TRUE(none);
  EXPECT_FALSE(none.value());
}

TEST(RoleAssignments, TellWhenTheyWereMade) {
  for (const auto& [text, time] : std::map<std::string, std::string>{
           {"2026-10-30T23:58:27.1234567Z", "2026-10-30T23:58:27.123456Z"},
           {"2026-10-30T23:58:27.1234567+00:00", "2026-10-30T23:58:27.123456Z"},
           {"2026-10-30T23:58:27.5Z", "2026-10-30T23:58:27.500000Z"},
           {"2026-10-30T23:58:27Z", "2026-10-30T23:58:27.000000Z"},
       }) {
    auto assignment = read_role_assignment({{"properties", {{"createdOn", text}}}});
    ASSERT_TRUE(assignment.created) << text;
    EXPECT_EQ(format_timestamp(*assignment.created), time);
  }
  for (const auto* bad : {"", "yesterday", "2026-10-30T23:58:27.", "2026-10-30T23:58:27.1234567"}) {
    EXPECT_FALSE(read_role_assignment({{"properties", {{"createdOn", bad}}}}).created) << bad;
  }
}

TEST(Clouds, AreKnownByTheirSignInHost) {
  EXPECT_EQ(cloud_of_authority("").value().name, "AzureCloud");
  EXPECT_EQ(cloud_of_authority("https://login.microsoftonline.com/").value().name, "AzureCloud");
  EXPECT_EQ(cloud_of_authority("LOGIN.microsoftonline.us").value().vault_suffix, ".vault.usgovcloudapi.net");
  for (const auto* written :
       {" https://LOGIN.microsoftonline.us:443// ", "login.microsoftonline.us.", "login.microsoftonline.us/"}) {
    EXPECT_EQ(cloud_of_authority(written).value().name, "AzureUSGovernment") << written;
  }
  EXPECT_EQ(cloud_of_authority("https://login.partner.microsoftonline.cn").value().name, "AzureChinaCloud");
  for (const auto* bad : {"https://login.evil.example", "https://login.microsoftonline.com.evil.example/",
                          "http://login.microsoftonline.com", "https://login.microsoftonline.com/tenant",
                          "https://login.microsoftonline.com:8443/", "https://me@login.microsoftonline.com/", " "}) {
    EXPECT_FALSE(cloud_of_authority(bad)) << bad;
  }
}

TEST(VaultNames, AreReadFromNamesAndUris) {
  for (const auto* good : {"contoso", "https://contoso.vault.azure.net", "https://Contoso.vault.azure.net/",
                           "contoso.vault.azure.net", " HTTPS://contoso.vault.azure.net.:443// ", " contoso\n"}) {
    auto name = read_vault_name(good, public_cloud());
    ASSERT_TRUE(name) << good;
    EXPECT_TRUE(boost::algorithm::iequals(name.value(), "contoso"));
  }
  for (const auto* bad :
       {"", "ab", "1contoso", "con--toso", "contoso-", "con_toso", "contoso/keys", "a23456789012345678901234x",
        "https://contoso.evil.example/", "https://contoso.managedhsm.azure.net/",
        "https://contoso.ManagedHSM.azure.net/", "https://contoso.vault.azure.net/keys/a",
        "https://contoso.vault.azure.net:8443/", "con toso", "$(id)"}) {
    EXPECT_FALSE(read_vault_name(bad, public_cloud())) << bad;
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure::customer
