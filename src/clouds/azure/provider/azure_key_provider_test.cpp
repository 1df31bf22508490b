#include "clouds/azure/provider/azure_key_provider.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/testing/azure_harness.hpp"
#include "crypto/certificate.hpp"
#include "crypto/jwt.hpp"
#include "kms/key_errors.hpp"
#include "kms/testing/key_provider_contract.hpp"

namespace latchkey::clouds::azure::testing {

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AzureContract final : public kms::testing::ContractHarness {
 public:
  kms::KeyProvider& provider() override { return *azure_.provider; }
  boost::asio::io_context& context() override { return azure_.context; }
  [[nodiscard]] Deadline soon() const override { return azure_.in(60s); }
  [[nodiscard]] Deadline past() const override { return azure_.in(-1s); }
  [[nodiscard]] kms::KeyLocation location() const override { return FakeAzure::location(); }
  [[nodiscard]] kms::KeyLocation foreign_location() const override { return kms::KeyLocation{}; }
  [[nodiscard]] std::string unknown_version() const override {
    return "https://contoso.vault.azure.net/keys/my-key/ffffffffffffffffffffffffffffffff";
  }

 private:
  AzureHarness azure_;
};

}  // namespace

using kms::testing::KeyProviderContract;
INSTANTIATE_TEST_SUITE_P(Azure, KeyProviderContract,
                         ::testing::Values(kms::testing::ContractParameter{
                             "Azure", [] { return std::make_unique<AzureContract>(); }}),
                         contract_name);

namespace {

class AzureKeyProviderTest : public ::testing::Test {
 protected:
  Result<kms::WrappedKey> wrap(std::chrono::milliseconds time = 60s) {
    return h.run(h.provider->wrap(location, {}, secret, h.in(time)));
  }
  Result<kms::UnwrappedKey> unwrap(const kms::WrappedKey& wrapped) {
    return h.run(h.provider->unwrap(location, {}, wrapped, h.in(60s)));
  }
  Result<kms::KeyDescription> describe() { return h.run(h.provider->describe(location, h.in(60s))); }

  AzureHarness h;
  kms::KeyLocation location = FakeAzure::location();
  crypto::SecretBytes secret{ByteView(Bytes(65, 1))};
};

TEST_F(AzureKeyProviderTest, OneTokenServesManyCalls) {
  auto wrapped = wrap();
  ASSERT_TRUE(wrapped);
  auto unwrapped = unwrap(wrapped.value());
  ASSERT_TRUE(unwrapped);
  EXPECT_EQ(unwrapped.value().request_id, h.client.requests().back().headers.get("x-ms-client-request-id"))
      << "which the customer's log has";
  ASSERT_TRUE(describe());
  EXPECT_EQ(h.client.count("/token"), 1U);
  EXPECT_EQ(h.client.count("contoso.vault.azure.net"), 3U);
}

TEST_F(AzureKeyProviderTest, EachCallBearsItsOwnCorrelationId) {
  (void)wrap();
  (void)wrap();
  std::set<std::string> ids;
  for (const auto& request : h.client.requests()) {
    if (request.url.find("vault") == std::string::npos) continue;
    ids.emplace(request.headers.get("x-ms-client-request-id"));
  }
  EXPECT_THAT(ids, SizeIs(2));
}

TEST_F(AzureKeyProviderTest, TheTokenGoesToTheVaultAlone) {
  (void)wrap();
  for (const auto& request : h.client.requests()) {
    bool to_vault = request.url.starts_with("https://contoso.vault.azure.net/");
    EXPECT_EQ(request.headers.has("authorization"), to_vault) << request.url;
  }
}

TEST_F(AzureKeyProviderTest, EntraIsAskedAnewWithinWhatTheOwnerDemandsAndTheServerAllows) {
  struct Case {
    std::optional<kms::SignInAges> own;
    std::chrono::seconds age;
  };
  for (const auto& c :
       {Case{std::nullopt, 300s}, Case{kms::SignInAges{5s, 5s}, 5s}, Case{kms::SignInAges{1h, 24h}, 300s}}) {
    h.terms = kms::OwnersTerms{c.own};
    h.clock.advance(1h);
    ASSERT_TRUE(wrap());
    auto issued = h.azure.tokens_issued;
    h.clock.advance(c.age - 1s);
    ASSERT_TRUE(wrap());
    EXPECT_EQ(h.azure.tokens_issued, issued);
    h.clock.advance(1s);
    ASSERT_TRUE(wrap());
    EXPECT_EQ(h.azure.tokens_issued, issued + 1);
  }
}

// The key is suspended while the provider waits for a response, whoever responds and whatever the response says.
TEST(AzureKeyProviderSuspension, AVaultIsNotAskedOnceMoreAfterIt) {
  using Call = std::function<Error(AzureHarness&, const kms::WrappedKey&)>;
  kms::KeyLocation location = FakeAzure::location();
  const std::vector<std::pair<std::string_view, Call>> calls = {
      {"wrap",
       [&](AzureHarness& h, const kms::WrappedKey&) {
         crypto::SecretBytes secret(ByteView(Bytes(65, 1)));
         return h.run(h.provider->wrap(location, {}, secret, h.in(60s))).error();
       }},
      {"unwrap",
       [&](AzureHarness& h, const kms::WrappedKey& wrapped) {
         return h.run(h.provider->unwrap(location, {}, wrapped, h.in(60s))).error();
       }},
      {"describe", [&](AzureHarness& h, const kms::WrappedKey&) {
         return h.run(h.provider->describe(location, h.in(60s))).error();
       }}};
  struct Case {
    std::string_view where;
    std::optional<Response> says;  // absent: the usual response
    Reason reason = reason::kSuspended;
  };
  const std::vector<Case> cases = {
      {"/token", std::nullopt},
      {"/token", entra_refusal(400, "unauthorized_client", 700016), reason::kAppNotConsented},
      {"vault.azure.net/", response(503, "")},
      {"vault.azure.net/", response(429, "", {{"Retry-After", "1"}})},
      {"vault.azure.net/", failure(http::TransportFailure::TimedOut)},
      {"vault.azure.net/", response(401, "", {{"WWW-Authenticate", "Bearer"}})},
      {"vault.azure.net/", vault_refusal(404, "KeyNotFound", ""), reason::kKeyNotFound}};
  for (const auto& [name, call] : calls) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      SCOPED_TRACE(std::string(name) + ", case " + std::to_string(i));
      AzureHarness h;
      crypto::SecretBytes secret(ByteView(Bytes(65, 1)));
      auto wrapped = h.run(h.provider->wrap(location, {}, secret, h.in(60s)));
      ASSERT_TRUE(wrapped);
      h.clock.advance(5min);  // Entra is asked anew
      bool suspended = false;
      int asked_after = 0;
      h.client.set([&](const http::ClientRequest& request) -> Response {
        asked_after += suspended && request.url.find("vault.azure.net/") != std::string::npos ? 1 : 0;
        if (suspended || request.url.find(cases[i].where) == std::string::npos) return h.azure(request);
        suspended = true;
        h.terms = reason_error(reason::kSuspended, {});
        return cases[i].says.value_or(h.azure(request));
      });
      EXPECT_EQ(call(h, wrapped.value()).reason, cases[i].reason);
      EXPECT_TRUE(suspended);
      EXPECT_EQ(asked_after, 0);
    }
  }
}

// Where the store cannot say whether the key may be asked, that says nothing about the key.
TEST_F(AzureKeyProviderTest, AStoreThatCannotSayWhetherTheKeyMayBeAskedKeepsItFromBeingAsked) {
  for (auto code : {ErrorCode::Unavailable, ErrorCode::Internal, ErrorCode::DeadlineExceeded}) {
    h.terms = Error{code, "as the test says", Reason::reported("some_reason")};
    auto wrapped = wrap();
    ASSERT_FALSE(wrapped);
    EXPECT_EQ(wrapped.error().code, ErrorCode::Unavailable);
    EXPECT_THAT(wrapped.error().message(), HasSubstr("as the test says"));
    EXPECT_TRUE(kms::failed_access_check(wrapped.error()));
  }
  h.terms = kms::OwnersTerms{};
  h.reading_takes = 70s;
  auto wrapped = wrap();
  ASSERT_FALSE(wrapped);
  EXPECT_TRUE(kms::failed_access_check(wrapped.error())) << "the store took all the time there was";
  EXPECT_THAT(h.client.requests(), IsEmpty());
}

TEST_F(AzureKeyProviderTest, ARefusalByEntraIsOneOfEveryKeyWhileTheTokenLives) {
  ASSERT_TRUE(wrap());
  h.azure.always.emplace("/token", entra_refusal(400, "unauthorized_client", 7000112));
  h.clock.advance(5min);
  auto refused = wrap();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(refused.error().reason, reason::kAppDisabled);
  EXPECT_EQ(h.client.count("/wrapkey"), 1U) << "the vault would have taken the old token";
}

// The provider asks the vault with the old token, and the vault's refusal counts.
TEST_F(AzureKeyProviderTest, WhileEntraIsDownTheVaultStillRefuses) {
  auto wrapped = wrap();
  ASSERT_TRUE(wrapped);
  h.azure.always.emplace("/token", response(503, ""));
  h.clock.advance(5min);
  EXPECT_TRUE(unwrap(wrapped.value()));
  h.azure.disabled = true;
  auto refused = unwrap(wrapped.value());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, reason::kKeyDisabled);
}

TEST_F(AzureKeyProviderTest, ATokenIsRefreshedBeforeItEnds) {
  h.sign_in = {24h, 24h};
  h.provider = h.make(azure::ClientSecret{std::make_shared<crypto::SecretBytes>(as_bytes("s3cret"))});
  (void)wrap();
  h.clock.advance(std::chrono::seconds(3599 - 300 - 1));
  (void)wrap();
  EXPECT_EQ(h.azure.tokens_issued, 1);
  h.clock.advance(2s);
  (void)wrap();
  EXPECT_EQ(h.azure.tokens_issued, 2);
}

TEST_F(AzureKeyProviderTest, ARefusedTokenIsFetchedAnewOnce) {
  ASSERT_TRUE(wrap());
  h.azure.accepted_token = "token-2";
  ASSERT_TRUE(wrap());
  EXPECT_EQ(h.azure.tokens_issued, 2);
  ASSERT_TRUE(wrap());
  EXPECT_EQ(h.azure.tokens_issued, 2);
}

TEST_F(AzureKeyProviderTest, ATokenRefusedTwiceIsARefusal) {
  h.azure.accepted_token = "another";
  auto wrapped = wrap();
  ASSERT_FALSE(wrapped);
  EXPECT_EQ(wrapped.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(wrapped.error().reason, reason::kTokenRefused);
  EXPECT_THAT(wrapped.error().message(), HasSubstr("AKV10022"));
  EXPECT_EQ(h.azure.tokens_issued, 2);
  EXPECT_EQ(h.client.count("/wrapkey"), 2U);
}

TEST_F(AzureKeyProviderTest, TheChallengesTenantIsCompared) {
  h.azure.governing_tenant = "11111111-2222-4333-8444-555555555555";
  h.azure.accepted_token = "another";
  auto wrapped = wrap();
  ASSERT_FALSE(wrapped);
  EXPECT_EQ(wrapped.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(wrapped.error().reason, reason::kTenantMismatch);
  EXPECT_THAT(wrapped.error().message(), HasSubstr("11111111-2222-4333-8444-555555555555"));
  EXPECT_THAT(wrapped.error().message(), HasSubstr("x-ms-request-id: req-401"));
  EXPECT_EQ(h.azure.tokens_issued, 1);
}

TEST_F(AzureKeyProviderTest, TheChallengesResourceIsCompared) {
  h.azure.resource = "https://evil.example";
  h.azure.accepted_token = "another";
  auto wrapped = wrap();
  ASSERT_FALSE(wrapped);
  EXPECT_EQ(wrapped.error().reason, reason::kWrongCloud);
  EXPECT_EQ(h.azure.tokens_issued, 1);
}

TEST_F(AzureKeyProviderTest, AWrongTenantIsFoundWithoutAToken) {
  h.azure.governing_tenant = "11111111-2222-4333-8444-555555555555";
  h.azure.always.emplace("/token", entra_refusal(400, "unauthorized_client", 700016));
  auto described = describe();
  ASSERT_FALSE(described);
  EXPECT_EQ(described.error().reason, reason::kTenantMismatch);
  for (const auto& request : h.client.requests()) EXPECT_FALSE(request.headers.has("authorization"));
}

TEST_F(AzureKeyProviderTest, AMissingConsentStaysOneWhereTheTenantIsRight) {
  h.azure.always.emplace("/token", entra_refusal(400, "unauthorized_client", 700016));
  auto described = describe();
  ASSERT_FALSE(described);
  EXPECT_EQ(described.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(described.error().reason, reason::kAppNotConsented);
  EXPECT_THAT(described.error().message(), HasSubstr("az ad sp create --id 8635ae1a-3e5d-44e8-a4ed-e0f614466f87"));
}

TEST_F(AzureKeyProviderTest, FaultsAreRetriedThenUnreachable) {
  h.azure.always.emplace("/wrapkey", vault_refusal(503, "ServiceUnavailable", ""));
  auto wrapped = wrap();
  ASSERT_FALSE(wrapped);
  EXPECT_EQ(wrapped.error().code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(wrapped.error().reason, reason::kProviderFault);
  EXPECT_EQ(h.client.count("/wrapkey"), 5U);
}

TEST_F(AzureKeyProviderTest, TransportFailuresBecomeUnreachable) {
  struct Case {
    std::string part;
    http::TransportFailure failure;
    Reason why;
  };
  for (const auto& c : {Case{"/wrapkey", http::TransportFailure::UnknownName, reason::kVaultNameUnknown},
                        Case{"/wrapkey", http::TransportFailure::TimedOut, reason::kTimedOut},
                        Case{"/wrapkey", http::TransportFailure::AddressRefused, reason::kVaultAddressRefused},
                        Case{"/token", http::TransportFailure::UnknownName, reason::kConnectionFailed},
                        Case{"/token", http::TransportFailure::TimedOut, reason::kTimedOut}}) {
    AzureHarness fresh;
    fresh.azure.always.emplace(c.part, failure(c.failure));
    auto wrapped = fresh.run(fresh.provider->wrap(location, {}, secret, fresh.in(60s)));
    ASSERT_FALSE(wrapped);
    EXPECT_EQ(wrapped.error().code, ErrorCode::KeyUnreachable);
    EXPECT_EQ(wrapped.error().reason, c.why) << c.part;
  }
}

TEST_F(AzureKeyProviderTest, ADisabledKeyIsSeenByUnwrap) {
  auto wrapped = wrap();
  ASSERT_TRUE(wrapped);
  h.azure.disabled = true;
  EXPECT_TRUE(wrap());
  auto unwrapped = unwrap(wrapped.value());
  ASSERT_FALSE(unwrapped);
  EXPECT_EQ(unwrapped.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(unwrapped.error().reason, reason::kKeyDisabled);
}

TEST_F(AzureKeyProviderTest, BadRegistrationsAreInvalidAndSendNothing) {
  auto good = FakeAzure::key();
  auto host = good, name = good, tenant = good;
  host.vault_uri = "https://evil.example/";
  name.key_name = "a/b";
  tenant.tenant_id = "x/y";
  for (const auto& bad : {host, name, tenant}) {
    location = location_of(bad);
    auto wrapped = wrap();
    ASSERT_FALSE(wrapped);
    EXPECT_EQ(wrapped.error().code, ErrorCode::Invalid);
  }
  EXPECT_THAT(h.client.requests(), IsEmpty());
}

TEST_F(AzureKeyProviderTest, ARecordOfAnotherVaultSendsNothing) {
  auto unwrapped =
      unwrap({"https://other.vault.azure.net/keys/my-key/" + std::string(FakeAzure::kVersion), Bytes(384)});
  ASSERT_FALSE(unwrapped);
  EXPECT_EQ(unwrapped.error().code, ErrorCode::Corrupt);
  EXPECT_THAT(h.client.requests(), IsEmpty());
}

TEST_F(AzureKeyProviderTest, AForeignAppIsRefusedWithASecret) {
  auto foreign = FakeAzure::key();
  foreign.client_id = "99999999-0000-4000-8000-000000000000";
  location = location_of(foreign);
  auto wrapped = wrap();
  ASSERT_FALSE(wrapped);
  EXPECT_EQ(wrapped.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(wrapped.error().reason, reason::kClientIdUntrusted);
  EXPECT_THAT(wrapped.error().message(), HasSubstr("client secret"));
  EXPECT_THAT(h.client.requests(), IsEmpty());
}

TEST_F(AzureKeyProviderTest, OurOwnAppNamedIsNotForeign) {
  auto own = FakeAzure::key();
  own.client_id = "8635AE1A-3E5D-44E8-A4ED-E0F614466F87";
  location = location_of(own);
  EXPECT_TRUE(wrap());
}

std::map<std::string, std::string> token_form(const ScriptedClient& client) {
  for (const auto& request : client.requests()) {
    if (request.url.find("/token") == std::string::npos) continue;
    auto pairs = http::parse_query(request.body);
    return {pairs.value().begin(), pairs.value().end()};
  }
  return {};
}

TEST_F(AzureKeyProviderTest, ACertificateProvesAnyAppThatTrustsIt) {
  auto now = h.clock.now();
  auto certificate =
      crypto::make_self_signed_certificate(test_rsa_key(), {"latchkey", {}, {}, now - 1h, now + 1h}, h.random);
  ASSERT_TRUE(certificate);
  h.provider = h.make(azure::ClientCertificate{certificate.value(), test_rsa_key()});
  auto foreign = FakeAzure::key();
  foreign.client_id = "99999999-0000-4000-8000-000000000000";
  location = location_of(foreign);
  ASSERT_TRUE(wrap());
  auto form = token_form(h.client);
  EXPECT_EQ(form["client_id"], "99999999-0000-4000-8000-000000000000");
  auto jwt = crypto::jwt_parse(form["client_assertion"]);
  ASSERT_TRUE(jwt);
  EXPECT_EQ(crypto::jwt_text(jwt.value(), "iss"), "99999999-0000-4000-8000-000000000000");
  EXPECT_TRUE(
      crypto::jwt_signature_valid(jwt.value(), crypto::read_certificate(certificate.value()).value().public_key));
}

TEST_F(AzureKeyProviderTest, TheFederatedTokenIsReadAgainForEveryToken) {
  auto path = ::testing::TempDir() + "latchkey-federated-" + std::to_string(::getpid());
  ASSERT_TRUE(write_file_durably(path, "first.token.x\n", 0600));
  h.provider = h.make(azure::FederatedTokenFile{path});
  ASSERT_TRUE(wrap());
  EXPECT_EQ(token_form(h.client)["client_assertion"], "first.token.x");
  ASSERT_TRUE(write_file_durably(path, "second.token.x\n", 0600));
  h.clock.advance(2h);
  ASSERT_TRUE(wrap());
  EXPECT_THAT(h.client.requests()[2].body, HasSubstr("second.token.x"));
  ::unlink(path.c_str());
  h.clock.advance(2h);
  auto wrapped = wrap();
  ASSERT_FALSE(wrapped);
  EXPECT_EQ(wrapped.error().code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(wrapped.error().reason, reason::kPlatformCredential);
  EXPECT_THAT(wrapped.error().message(), HasSubstr(path));
}

TEST_F(AzureKeyProviderTest, NoMessageHoldsASecret) {
  h.azure.accepted_token = "another";
  auto wrapped = wrap();
  ASSERT_FALSE(wrapped);
  auto text = latchkey::describe(wrapped.error());
  EXPECT_EQ(text.find("s3cret"), std::string::npos);
  EXPECT_EQ(text.find("token-1"), std::string::npos);
}

}  // namespace
}  // namespace latchkey::clouds::azure::testing
