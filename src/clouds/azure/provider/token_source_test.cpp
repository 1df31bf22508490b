#include "clouds/azure/provider/token_source.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/provider/reasons.hpp"
#include "clouds/azure/provider/testing/azure_harness.hpp"

namespace latchkey::clouds::azure {
namespace {

using namespace std::chrono_literals;
using testing::FakeAzure;

class TokenSourceTest : public ::testing::Test {
 protected:
  TokenSourceTest() {
    Credential credential = ClientSecret{std::make_shared<crypto::SecretBytes>(as_bytes("s3cret"))};
    auto transport =
        std::make_shared<kms::RetryingTransport>(h.client, h.clock, h.random, h.sleeper, kms::RetrySettings{});
    source = std::make_shared<TokenSource>(transport, h.clock, h.random, h.pool, h.context.get_executor(), h.sleeper,
                                           std::move(credential));
  }
  Result<BearerToken> token() { return token(kAges); }
  Result<BearerToken> token(kms::SignInAges ages) { return h.run(source->token(target, ages, h.in(30s))); }
  void refuse(int number) {
    h.azure.always.insert_or_assign("/token", testing::entra_refusal(400, "unauthorized_client", number));
  }
  void fail(testing::Response how) { h.azure.always.insert_or_assign("/token", std::move(how)); }
  [[nodiscard]] std::size_t asked() const { return h.client.count("/token"); }
  static std::string text(const BearerToken& token) { return std::string(as_text(token->reveal())); }

  static constexpr kms::SignInAges kAges{};  // 5 min, 60 min
  static constexpr kms::SignInAges kPatient{24h, 24h};
  testing::AzureHarness h;
  std::shared_ptr<TokenSource> source;
  TokenTarget target{"login.microsoftonline.com", std::string(FakeAzure::kTenant), std::string(FakeAzure::kApp),
                     "https://vault.azure.net/.default"};
};

TEST_F(TokenSourceTest, ManyWaitForOneRequest) {
  int good = 0;
  auto one = [this, &good]() -> Task<void> {
    auto got = co_await source->token(target, kAges, h.in(30s));
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
                         testing::response(200, R"({"access_token":"a","expires_in":86399,"refresh_in":43199})"));
  ASSERT_TRUE(token(kPatient));
  h.clock.advance(43198s);
  ASSERT_TRUE(token(kPatient));
  EXPECT_EQ(asked(), 1U);
  h.clock.advance(2s);
  ASSERT_TRUE(token(kPatient));
  EXPECT_EQ(asked(), 2U);
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
  auto hurried = h.run(source->token(target, kAges, h.in(-1s)));
  ASSERT_FALSE(hurried);
  EXPECT_EQ(hurried.error().code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(hurried.error().reason, reason::kTimedOut);
  EXPECT_EQ(h.azure.tokens_issued, 0);
}

TEST_F(TokenSourceTest, EntraIsAskedAnewAtTheAgeThatTheCallerAllowsHoweverLongTheTokenLives) {
  ASSERT_TRUE(token());
  h.clock.advance(299s);
  EXPECT_EQ(text(token().value()), "token-1");
  EXPECT_EQ(text(token({5s, 5s}).value()), "token-2") << "an owner's own";
  h.clock.advance(299s);
  EXPECT_EQ(text(token().value()), "token-2") << "whoever asked, it is as young to all";
  h.clock.advance(1s);
  EXPECT_EQ(text(token().value()), "token-3");
}

TEST_F(TokenSourceTest, ARefusalWhileTheTokenLivesForgetsIt) {
  for (int number : {700016, 7000112, 53003}) {
    SCOPED_TRACE(number);
    h.azure.always.clear();
    ASSERT_TRUE(token());
    refuse(number);
    EXPECT_TRUE(token()) << "younger than five minutes";
    h.clock.advance(5min);
    auto refused = token();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::KeyDenied);
    fail(testing::response(503, ""));
    auto after = token();
    ASSERT_FALSE(after) << "the old token is not brought back by an outage";
    EXPECT_EQ(after.error().code, ErrorCode::KeyUnreachable);
  }
}

TEST_F(TokenSourceTest, WhileEntraCannotBeAskedTheOldTokenServesToItsEnd) {
  const testing::Response kOutages[] = {
      testing::response(503, ""), testing::response(429, ""), testing::failure(http::TransportFailure::ConnectFailed),
      testing::failure(http::TransportFailure::TimedOut), testing::entra_refusal(401, "invalid_client", 7000215)};
  for (const auto& outage : kOutages) {
    h.azure.always.clear();
    auto first = token();
    ASSERT_TRUE(first);
    h.clock.advance(5min);
    fail(outage);
    auto end = h.clock.steady() - 5min + 3599s;
    // Room for the retries, which take time.
    while (h.clock.steady() + 65s < end) {
      auto serving = token();
      ASSERT_TRUE(serving) << serving.error().message();
      EXPECT_EQ(serving.value(), first.value());
      h.clock.advance(45s);
    }
    h.clock.advance(65s);
    auto over = token();
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().code, ErrorCode::KeyUnreachable);
  }
}

TEST_F(TokenSourceTest, NoOldTokenServesWhoWantsNothingBridged) {
  ASSERT_TRUE(token());
  fail(testing::response(503, ""));
  h.clock.advance(30s);
  auto strict = token({30s, 30s});
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().code, ErrorCode::KeyUnreachable);
  EXPECT_TRUE(token()) << "another owner's ages are another matter";
}

TEST_F(TokenSourceTest, AFailureIsFollowedByAPauseAndARefusalAfterItCounts) {
  ASSERT_TRUE(token());
  h.clock.advance(5min);
  fail(testing::failure(http::TransportFailure::AddressRefused));  // which is not tried again
  ASSERT_TRUE(token());
  EXPECT_EQ(asked(), 2U);
  refuse(7000112);
  h.clock.advance(29s);
  EXPECT_TRUE(token());
  EXPECT_EQ(asked(), 2U);
  h.clock.advance(1s);
  EXPECT_FALSE(token());
  EXPECT_EQ(asked(), 3U);
}

TEST_F(TokenSourceTest, ThePauseIsNoLongerThanTheAgeThatIsAllowed) {
  ASSERT_TRUE(token());
  h.clock.advance(5s);
  fail(testing::failure(http::TransportFailure::AddressRefused));
  ASSERT_TRUE(token({5s, 1h}));
  refuse(7000112);
  h.clock.advance(5s);
  EXPECT_FALSE(token({5s, 1h}));
}

TEST_F(TokenSourceTest, EntraMayAskForADelayOfAMinuteAndNoMore) {
  for (auto [asks, pause] : {std::pair{"60", 60s}, std::pair{"3600", 60s}, std::pair{"1", 30s}}) {
    SCOPED_TRACE(asks);
    h.azure.always.clear();
    h.clock.advance(1h);
    ASSERT_TRUE(token());
    h.clock.advance(5min);
    fail(testing::response(429, "", {{"Retry-After", asks}}));
    ASSERT_TRUE(token());
    refuse(53003);
    h.clock.advance(pause - 1s);
    EXPECT_TRUE(token());
    h.clock.advance(1s);
    EXPECT_FALSE(token());
  }
}

// A client that holds its responses back until the test releases them.
class HeldClient final : public http::Client {
 public:
  Task<testing::Response> send(http::ClientRequest request) override {
    ++asked;
    while (holds) {
      auto executor = co_await boost::asio::this_coro::executor;
      boost::asio::steady_timer timer(executor, 1ms);
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    co_return azure(request);
  }
  testing::FakeAzure azure;
  bool holds = false;
  int asked = 0;
};

// What a caller whose time is short leaves for the callers after it.
class ImpatientCallerTest : public ::testing::Test {
 protected:
  ImpatientCallerTest() {
    Credential credential = ClientSecret{std::make_shared<crypto::SecretBytes>(as_bytes("s3cret"))};
    auto transport =
        std::make_shared<kms::RetryingTransport>(client, h.clock, h.random, h.sleeper, kms::RetrySettings{1});
    source = std::make_shared<TokenSource>(transport, h.clock, h.random, h.pool, h.context.get_executor(), h.sleeper,
                                           std::move(credential));
    EXPECT_TRUE(token(30s));
    h.clock.advance(5min);
    client.holds = true;
  }
  Result<BearerToken> token(std::chrono::milliseconds timeout) {
    return h.run(source->token(target, kms::SignInAges{}, h.in(timeout)));
  }
  // Asks with a very short timeout; Entra responds with `late` after it.
  Result<BearerToken> impatient(std::optional<testing::Response> late) {
    if (late) client.azure.always.insert_or_assign("/token", *late);
    auto waits = [this]() -> Task<Result<BearerToken>> {
      auto result = co_await source->token(target, kms::SignInAges{}, h.in(5ms));
      client.holds = false;
      co_return result;
    };
    return h.run(waits());
  }

  testing::AzureHarness h;
  HeldClient client;
  std::shared_ptr<TokenSource> source;
  TokenTarget target{"login.microsoftonline.com", std::string(FakeAzure::kTenant), std::string(FakeAzure::kApp),
                     "https://vault.azure.net/.default"};
};

TEST_F(ImpatientCallerTest, IsToldThatThereWasNoTimeAndPutsNothingOff) {
  auto result = impatient(std::nullopt);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, reason::kTimedOut);
  auto next = token(30s);
  ASSERT_TRUE(next);
  EXPECT_EQ(as_text(next.value()->reveal()), "token-2") << "what the flight brought after it was given up";
  EXPECT_EQ(client.asked, 2);
}

TEST_F(ImpatientCallerTest, DoesNotKeepARefusalFromWhoComesNext) {
  EXPECT_FALSE(impatient(testing::entra_refusal(400, "unauthorized_client", 7000112)));
  client.azure.always.clear();
  auto next = token(5ms);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().reason, reason::kAppDisabled);
  EXPECT_EQ(client.asked, 2);
  EXPECT_TRUE(token(30s)) << "it is told once";
}

TEST_F(ImpatientCallerTest, ARefusalThatNobodyReceivedIsForgottenAMinuteLater) {
  EXPECT_FALSE(impatient(testing::entra_refusal(400, "unauthorized_client", 7000112)));
  client.azure.always.clear();
  h.clock.advance(61s);
  EXPECT_TRUE(token(30s));
}

// Like curl, it sends only so many requests to a host at once, and the others wait. Requests for tenants named
// "stranger" get no response until the test releases them.
class FewConnections final : public http::Client {
 public:
  explicit FewConnections(http::Client& inner) : inner_(inner) {}
  Task<testing::Response> send(http::ClientRequest request) override {
    auto executor = co_await boost::asio::this_coro::executor;
    bool is_held = request.url.find("stranger") != std::string::npos;
    if (is_held || held_.size() >= kConnections) {
      auto timer = std::make_shared<boost::asio::steady_timer>(executor, std::chrono::steady_clock::time_point::max());
      held_.push_back(timer);
      boost::system::error_code cancelled;
      co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    }
    co_return co_await inner_.send(std::move(request));
  }
  void let_go() {
    for (auto& timer : std::exchange(held_, {})) timer->cancel();
  }
  [[nodiscard]] std::size_t held() const { return held_.size(); }

 private:
  static constexpr std::size_t kConnections = 16;
  http::Client& inner_;
  std::vector<std::shared_ptr<boost::asio::steady_timer>> held_;
};

TEST_F(TokenSourceTest, AStrangersSignInsHoldUpNobodyElses) {
  FewConnections client(h.client);
  auto transport = std::make_shared<kms::RetryingTransport>(client, h.clock, h.random, h.sleeper, kms::RetrySettings{});
  source = std::make_shared<TokenSource>(transport, h.clock, h.random, h.pool, h.context.get_executor(), h.sleeper,
                                         ClientSecret{std::make_shared<crypto::SecretBytes>(as_bytes("s3cret"))});
  ASSERT_EQ(text(token().value()), "token-1");
  h.clock.advance(6min);
  auto ask = [&](TokenTarget of, std::string organization, std::string* got) -> Task<void> {
    auto result = co_await source->token(of, kAges, h.in(30s), organization);
    *got = result ? text(result.value()) : std::string(result.error().reason.code());
  };
  auto start = [&](TokenTarget of, const std::string& organization, std::string* got) {
    boost::asio::co_spawn(h.context, ask(std::move(of), organization, got), boost::asio::detached);
  };
  std::vector<std::string> strangers(40);
  for (std::size_t i = 0; i < strangers.size(); ++i) {
    auto theirs = target;
    theirs.tenant = "stranger" + std::to_string(i);
    start(theirs, "theirs", &strangers[i]);
  }
  // One caller must renew its token, and gets through beside the stranger's calls; another one has no token yet.
  std::string by_stranger;
  start(target, "theirs", &by_stranger);
  std::string renewed;
  start(target, "ours", &renewed);
  auto another = target;
  another.tenant = "contoso.com";
  std::string signed_in;
  start(another, "another", &signed_in);
  h.context.restart();
  while (renewed.empty() || signed_in.empty()) ASSERT_GT(h.context.run_one_for(5s), 0U);
  EXPECT_EQ(renewed, "token-2");
  EXPECT_EQ(by_stranger, "token-2");
  EXPECT_EQ(signed_in, "token-3");
  EXPECT_EQ(client.held(), 9U) << "of twelve";
  while (std::ranges::any_of(strangers, &std::string::empty)) {
    client.let_go();
    ASSERT_GT(h.context.run_one_for(5s), 0U);
  }
  h.context.run();
}

}  // namespace
}  // namespace latchkey::clouds::azure
