#include "clouds/azure/emulator/entra/entra_credentials.hpp"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "clouds/azure/emulator/key_material.hpp"
#include "clouds/azure/emulator/testing/shared_rsa_keys.hpp"
#include "crypto/certificate.hpp"
#include "crypto/jwt.hpp"
#include "crypto/random.hpp"

namespace latchkey::clouds::azure::emulator {
namespace {

namespace json = boost::json;
using crypto::RsaSignature;

constexpr Seconds kNow = 1'780'000'000;
const std::string kAppId = "8635ae1a-3e5d-44e8-a4ed-e0f614466f87";
const std::string kAudience = "https://login.microsoftonline.com/t/oauth2/v2.0/token";

struct Signer {
  crypto::RsaKey key;
  std::string pem;
  crypto::CertificateInfo info;
};

Signer make_signer(Seconds not_after = kNow + 86400) {
  crypto::SystemRandom random;
  static const testing::SharedRsaKeys keys;
  auto key = keys(2048).value();
  auto at = [](Seconds seconds) { return Timestamp(std::chrono::seconds(seconds)); };
  crypto::CertificateRequest request{"app", {}, {}, at(kNow - 86400), at(not_after)};
  auto pem = crypto::make_self_signed_certificate(key, request, random).value();
  auto info = crypto::read_certificate(pem).value();
  return {key, pem, info};
}

class Assertions : public ::testing::Test {
 protected:
  Assertions() : signer_(make_signer()) {
    app_.app_id = kAppId;
    app_.display_name = "platform";
    app_.certificates.push_back({"id", signer_.pem});
  }

  json::object header() const { return {{"x5t#S256", base64url_encode(signer_.info.sha256_thumbprint)}}; }
  static json::object claims() {
    return {{"iss", kAppId}, {"sub", kAppId}, {"aud", kAudience}, {"jti", "one"}, {"nbf", kNow}, {"exp", kNow + 600}};
  }
  std::string sign(const json::object& head, const json::object& body,
                   RsaSignature algorithm = RsaSignature::Ps256) const {
    return crypto::jwt_sign(signer_.key, algorithm, head, body).value();
  }
  // The AADSTS number; 0 where it is admitted.
  int check(const std::string& assertion, Seconds now = kNow, bool once = false) {
    AssertionCheck check{model_, app_, {kAudience}, now, once};
    auto refused = check_assertion(check, assertion, memory_);
    last_ = refused ? refused->text : "";
    return refused ? refused->number : 0;
  }

  Signer signer_;
  Model model_;
  Application app_;
  AssertionMemory memory_;
  std::string last_;
};

TEST_F(Assertions, AdmitsBothAlgorithmsAndThumbprintsPaddedOrNot) {
  auto sha1 = base64url_encode(signer_.info.sha1_thumbprint);
  int n = 0;
  for (const auto& head : {header(), json::object{{"x5t", sha1}}, json::object{{"x5t", sha1 + "="}},
                           json::object{{"x5t", sha1}, {"kid", "whatever"}},
                           json::object{{"x5t#S256", base64url_encode(signer_.info.sha256_thumbprint) + "="}}}) {
    for (auto algorithm : {RsaSignature::Rs256, RsaSignature::Ps256}) {
      auto body = claims();
      body["jti"] = std::to_string(n++);
      EXPECT_EQ(check(sign(head, body, algorithm)), 0) << last_;
    }
  }
}

TEST_F(Assertions, AdmitsThoseThatLiveAnHourOrADayOrForYears) {
  signer_ = make_signer(kNow + Seconds{20} * 366 * 86'400);
  app_.certificates = {{"id", signer_.pem}};
  for (Seconds life : {Seconds{600}, Seconds{3600}, Seconds{86'400}, Seconds{10} * 366 * 86'400}) {
    auto body = claims();
    body["jti"] = std::to_string(life);
    body["exp"] = kNow + life;
    auto assertion = sign(header(), body);
    EXPECT_EQ(check(assertion), 0) << life << last_;
    EXPECT_EQ(check(assertion, kNow + life + 299), 0) << life << last_;
    EXPECT_EQ(check(assertion, kNow + life + 300), 700024) << life;
  }
}

TEST_F(Assertions, FindsTheCertificateByItsKeyIdWhereNoThumbprintIsNamed) {
  auto sha1 = base64url_encode(signer_.info.sha1_thumbprint);
  auto hex = hex_encode(signer_.info.sha1_thumbprint);
  int n = 0;
  auto check_kid = [&](const json::object& head) {
    auto body = claims();
    body["jti"] = std::to_string(n++);
    return check(sign(head, body, RsaSignature::Rs256));
  };
  EXPECT_EQ(check_kid({{"kid", sha1}}), 0) << last_;
  EXPECT_EQ(check_kid({{"kid", hex}}), 0) << last_;
  EXPECT_EQ(check_kid({{"kid", upper(hex)}}), 0) << last_;
  EXPECT_EQ(check_kid({{"kid", upper(hex)}, {"x5t", sha1}}), 0) << last_;
  EXPECT_EQ(check_kid({{"kid", "another"}}), 700027);
  EXPECT_NE(last_.find("Thumbprint of key used by client: 'another'"), std::string::npos) << last_;
  EXPECT_EQ(check_kid({{"kid", sha1}, {"x5t", "AAAA"}}), 700027) << "the thumbprint goes first";
}

TEST(Audiences, AreThoseThatReleasedLibrariesName) {
  const AssertionAddress address{"Contoso.onmicrosoft.com", "6f5d1ee9-6b0c-4f02-9d2a-0a3f8d8f3c11",
                                 "contoso.onmicrosoft.com", "https://127.0.0.1:8443"};
  auto audiences = assertion_audiences(address);
  auto takes = [&](const std::string& audience) {
    return std::find(audiences.begin(), audiences.end(), normal_audience(audience)) != audiences.end();
  };
  const std::string id = address.tenant_id;
  for (const auto& good : std::vector<std::string>{
           "https://login.microsoftonline.com/" + id + "/oauth2/v2.0/token",
           "https://login.microsoftonline.com/" + id + "/oauth2/token",
           "https://login.microsoftonline.com/" + id + "/oauth2/token?api-version=1.0",
           "https://login.microsoftonline.com//" + id + "/oauth2/token",
           "https://login.microsoftonline.com/" + upper(id) + "/oauth2/token/",
           "https://LOGIN.microsoftonline.com:443/" + id + "/oauth2/v2.0/token",
           "https://login.windows.net/" + id + "/oauth2/token", "https://sts.windows.net/" + id + "/",
           "https://sts.windows.net/" + id, "https://sts.windows.net/" + id + "/oauth2/token",
           "https://login.microsoftonline.com/" + id + "/v2.0", "https://login.microsoftonline.com/" + id + "/v2",
           "https://login.microsoft.com/" + id + "/oauth2/v2.0/token",
           "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/token",
           "https://127.0.0.1:8443/" + id + "/oauth2/v2.0/token"}) {
    EXPECT_TRUE(takes(good)) << good;
  }
  for (const auto& bad : std::vector<std::string>{
           "", "https://login.microsoftonline.com/common/oauth2/v2.0/token",
           "https://login.microsoftonline.com/other.onmicrosoft.com/oauth2/token",
           "https://login.microsoftonline.us/" + id + "/oauth2/v2.0/token",
           "http://login.microsoftonline.com/" + id + "/oauth2/token", "https://login.microsoftonline.com/" + id,
           "https://login.microsoftonline.com/" + id + "/oauth2/v2.0/authorize",
           "https://login.microsoftonline.com:8443/" + id + "/oauth2/token", id, "https://vault.azure.net"}) {
    EXPECT_FALSE(takes(bad)) << bad;
  }
}

TEST_F(Assertions, AdmitsDatesWithFractions) {
  auto body = claims();
  body.erase("nbf");
  body["iat"] = static_cast<double>(kNow) + 0.25;
  body["exp"] = static_cast<double>(kNow) + 600.25;
  EXPECT_EQ(check(sign(header(), body, RsaSignature::Rs256)), 0) << last_;
}

TEST_F(Assertions, RefusesEachFaultByItsNumber) {
  struct Case {
    const char* what;
    int number;
    std::function<void(json::object&)> change;
  };
  const Case cases[] = {
      {"expired", 700024, [](auto& body) { body["exp"] = kNow - 301; }},
      {"no expiry", 700024, [](auto& body) { body.erase("exp"); }},
      {"not yet", 700024, [](auto& body) { body["nbf"] = kNow + 301; }},
      {"audience", 700023,
       [](auto& body) { body["aud"] = "https://login.microsoftonline.com/other/oauth2/v2.0/token"; }},
      {"no audience", 700023, [](auto& body) { body.erase("aud"); }},
      {"subject", 700021, [](auto& body) { body["sub"] = "another"; }},
      {"issuer of another app", 700021, [](auto& body) { body["iss"] = "11111111-1111-4111-8111-111111111111"; }},
  };
  for (const auto& c : cases) {
    auto body = claims();
    c.change(body);
    EXPECT_EQ(check(sign(header(), body)), c.number) << c.what;
  }
  EXPECT_EQ(check("not a jwt"), 50027);
  EXPECT_EQ(check(sign(header(), claims(), RsaSignature::Rs512)), 5002738);
}

TEST_F(Assertions, RefusesUnknownExpiredAndForgedCertificates) {
  EXPECT_EQ(check(sign(json::object{}, claims())), 700027);
  EXPECT_NE(last_.find("[Reason - The key was not found."), std::string::npos) << last_;
  EXPECT_EQ(check(sign(json::object{{"x5t", "AAAA"}}, claims())), 700027);
  auto forger = make_signer();
  auto forged = crypto::jwt_sign(forger.key, RsaSignature::Ps256, header(), claims()).value();
  EXPECT_EQ(check(forged), 700027);
  EXPECT_NE(last_.find("use of the key to verify the signature failed"), std::string::npos) << last_;
  signer_ = make_signer(kNow - 1);
  app_.certificates = {{"id", signer_.pem}};
  EXPECT_EQ(check(sign(header(), claims())), 700027);
  EXPECT_NE(last_.find("expired"), std::string::npos) << last_;
}

TEST_F(Assertions, AnIdStandsForOneAssertion) {
  auto first = sign(header(), claims());
  EXPECT_EQ(check(first), 0);
  EXPECT_EQ(check(first), 0) << "Azure's own library sends its assertion again";
  EXPECT_EQ(check(first, kNow, true), 50013) << "unless told to take each once";
  auto other = claims();
  other["nbf"] = kNow - 1;
  EXPECT_EQ(check(sign(header(), other)), 50013) << "another assertion under the same id";
  EXPECT_EQ(check(sign(header(), other), kNow + 2000), 700024);
}

TEST(AssertionMemory, IsFilledByNobody) {
  AssertionMemory memory;
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(memory.admit(std::to_string(i), "a", kNow + 86'400, kNow, false));
  EXPECT_TRUE(memory.admit("newcomer", "a", kNow + 600, kNow, false)) << "though nothing of it can be kept";
  EXPECT_FALSE(memory.admit("newcomer", "a", kNow + 600, kNow, true)) << "where each may come once only";
  EXPECT_TRUE(memory.admit("newcomer", "a", kNow + 90'000, kNow + 86'401, true)) << "when the others are over";
}

class Federated : public Assertions {
 protected:
  Federated()
      : issuer_(make_signing_key([](unsigned bits) { return testing::shared_rsa_key(bits, "issuer"); }).value()) {
    auto jwk = crypto::to_jwk(*issuer_.key);
    jwk["kid"] = "k1";
    model_.issuers["https://issuer.example"] = {"https://issuer.example", {{"keys", json::array{jwk}}}};
    app_.federated.push_back({"1", "n", "https://issuer.example", "system:sa", "api://AzureADTokenExchange", ""});
  }
  static json::object outside_claims() {
    return {{"iss", "https://issuer.example"},
            {"sub", "system:sa"},
            {"aud", json::array{"api://AzureADTokenExchange"}},
            {"nbf", kNow},
            {"exp", kNow + 3600}};
  }
  std::string sign_outside(const json::object& body, RsaSignature algorithm = RsaSignature::Rs256,
                           const char* kid = "k1") const {
    return crypto::jwt_sign(*issuer_.key, algorithm, {{"kid", kid}}, body).value();
  }
  SigningKey issuer_;
};

TEST_F(Federated, AdmitsTheExactTriple) {
  auto token = sign_outside(outside_claims());
  EXPECT_EQ(check(token), 0) << last_;
  EXPECT_EQ(check(token), 0) << "a mounted token is used until it expires";
}

TEST_F(Federated, BlamesThePartThatDoesNotFit) {
  auto with = [](const char* name, const char* value) {
    auto body = outside_claims();
    body[name] = value;
    return body;
  };
  EXPECT_EQ(check(sign_outside(with("iss", "https://issuer.example/"))), 700211);
  EXPECT_EQ(check(sign_outside(with("sub", "System:sa"))), 700213);
  EXPECT_EQ(last_,
            "No matching federated identity record found for presented assertion subject 'System:sa'. Check your "
            "federated identity credential Subject, Audience and Issuer against the presented assertion. "
            "https://learn.microsoft.com/entra/workload-id/workload-identity-federation");
  EXPECT_EQ(check(sign_outside(with("aud", "api://other"))), 700212);
  app_.federated.clear();
  EXPECT_EQ(check(sign_outside(outside_claims())), 70025);
}

TEST_F(Federated, RefusesWhatItCannotVerify) {
  auto stale = outside_claims();
  stale["exp"] = kNow - 301;
  EXPECT_EQ(check(sign_outside(stale)), 700024);
  EXPECT_EQ(check(sign_outside(outside_claims(), RsaSignature::Ps256)), 50013);
  EXPECT_EQ(check(sign_outside(outside_claims(), RsaSignature::Rs256, "k2")), 50013);
  EXPECT_EQ(check(crypto::jwt_sign(signer_.key, RsaSignature::Rs256, {{"kid", "k1"}}, outside_claims()).value()),
            50013);
  model_.issuers.clear();
  EXPECT_EQ(check(sign_outside(outside_claims())), 50166);
}

TEST(Secrets, AreComparedByHashAndExpire) {
  Application app;
  app.app_id = kAppId;
  app.secrets.push_back({"id", "", "abc", hex_encode(crypto::sha256(as_bytes("right"))), kNow - 10, kNow + 10});
  EXPECT_FALSE(check_secret(app, "right", kNow));
  EXPECT_EQ(check_secret(app, "wrong", kNow)->number, 7000215);
  EXPECT_EQ(check_secret(app, "right", kNow + 10)->number, 7000222);
  EXPECT_EQ(check_secret(app, "wrong", kNow)->text,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            "not the client secret ID, for a secret added to app '" +
                kAppId + "'.");
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
