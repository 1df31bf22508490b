#include "kms/azure/token_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/reasons.hpp"
#include "kms/testing/azure_harness.hpp"

namespace latchkey::kms::azure {
namespace {

using namespace std::chrono_literals;
using testing::FakeAzure;

class TokenSourceTest : public ::testing::Test {
 protected:
  TokenSourceTest() {
    Credential credential = ClientSecret{std::make_shared<crypto::SecretBytes>(as_bytes("s3cret"))};
    auto transport = std::make_shared<RetryingTransport>(h.client, h.clock, h.random, h.sleeper, RetrySettings{});
    source = std::make_shared<TokenSource>(transport, h.clock, h.random, h.pool, h.context.get_executor(),
                                           std::move(credential));
  }
  Result<BearerToken> token() { return h.run(source->token(target, h.in(30s))); }
  static std::string text(const BearerToken& token) { return std::string(as_text(token->reveal())); }

  testing::AzureHarness h;
  std::shared_ptr<TokenSource> source;
  TokenTarget target{"login.microsoftonline.com", std::string(FakeAzure::kTenant), std::string(FakeAzure::kApp),
                     "https://vault.azure.net/.default"};
};

TEST_F(TokenSourceTest, ManyWaitForOneRequest) {
  int good = 0;
  auto one = [this, &good]() -> Task<void> {
    auto got = co_await source->token(target, h.in(30s));
    good += got && text(got.value()) == "token-1" ? 1 : 0;
  };
  for (int i = 0; i < 50; ++i) boost::asio::co_spawn(h.context, one(), boost::asio::detached);
  h.context.restart();
  h.context.run();
  EXPECT_EQ(good, 50);
  EXPECT_EQ(h.azure.tokens_issued, 1);
}

TEST_F(TokenSourceTest, EachTenantAppScopeAndCloudHasItsOwn) {
  ASSERT_TRUE(token());
  auto base = target;
  target.tenant = "contoso.com";
  ASSERT_TRUE(token());
  target = base;
  target.client_id = "other";
  ASSERT_TRUE(token());
  target = base;
  target.scope = "https://managedhsm.azure.net/.default";
  ASSERT_TRUE(token());
  target = base;
  ASSERT_TRUE(token());
  EXPECT_EQ(h.azure.tokens_issued, 4);
}

TEST_F(TokenSourceTest, ShortLivedTokensAreUsedForHalfTheirTime) {
  h.azure.token_lifetime = 60;
  ASSERT_TRUE(token());
  h.clock.advance(29s);
  EXPECT_EQ(text(token().value()), "token-1");
  h.clock.advance(2s);
  EXPECT_EQ(text(token().value()), "token-2");
}

TEST_F(TokenSourceTest, ATokenIsNoYoungerForTheMachinesSleep) {
  ASSERT_TRUE(token());
  h.clock.sleep(24h * 7);
  EXPECT_EQ(text(token().value()), "token-2");
  h.clock.leap_wall(24h);
  EXPECT_EQ(text(token().value()), "token-3") << "a wall clock that leaps forward";
  h.clock.leap_wall(-24h);
  EXPECT_EQ(text(token().value()), "token-3") << "and back again";
}

TEST_F(TokenSourceTest, EntrasAdviceToRefreshIsTaken) {
  h.azure.always.emplace("/token",
                         testing::answer(200, R"({"access_token":"a","expires_in":86399,"refresh_in":43199})"));
  ASSERT_TRUE(token());
  h.clock.advance(43198s);
  ASSERT_TRUE(token());
  EXPECT_EQ(h.client.count("/token"), 1U);
  h.clock.advance(2s);
  ASSERT_TRUE(token());
  EXPECT_EQ(h.client.count("/token"), 2U);
}

TEST_F(TokenSourceTest, DroppingForgetsThatTokenAlone) {
  auto first = token().value();
  source->drop(target, first);
  auto second = token().value();
  EXPECT_EQ(text(second), "token-2");
  source->drop(target, first);
  EXPECT_EQ(text(token().value()), "token-2");
}

TEST_F(TokenSourceTest, FailuresAreNotKept) {
  h.azure.always.emplace("/token", testing::entra_refusal(400, "unauthorized_client", 700016));
  auto refused = token();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, reason::kAppNotConsented);
  h.azure.always.clear();
  EXPECT_TRUE(token());
}

TEST_F(TokenSourceTest, ACallerWithoutTimeAsksNothing) {
  auto hurried = h.run(source->token(target, h.in(-1s)));
  ASSERT_FALSE(hurried);
  EXPECT_EQ(hurried.error().code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(hurried.error().reason, reason::kTimedOut);
  EXPECT_EQ(h.azure.tokens_issued, 0);
}

}  // namespace
}  // namespace latchkey::kms::azure
