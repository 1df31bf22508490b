#include "kms/vault_limiter.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "kms/limited_key_provider.hpp"
#include "kms/reasons.hpp"
#include "testing/memory_cloud.hpp"
#include "testing/run_task.hpp"

namespace latchkey::kms {
namespace {

using namespace std::chrono_literals;

// Its sleeps end when a test moves the clock past them.
class ManualSleeper final : public Sleeper {
 public:
  ManualSleeper(ManualClock& clock, boost::asio::io_context& context) : clock_(clock), context_(context) {}
  Task<void> sleep_for(std::chrono::milliseconds delay) override {
    auto until = clock_.steady() + delay;
    auto begin = [this, until](std::function<void()> resume) { sleeping_.emplace(until, std::move(resume)); };
    auto sleep = suspend(std::move(begin));
    co_await std::move(sleep);
  }
  void advance(std::chrono::milliseconds by) {
    clock_.advance(by);
    while (!sleeping_.empty() && sleeping_.begin()->first <= clock_.steady()) {
      auto resume = std::move(sleeping_.begin()->second);
      sleeping_.erase(sleeping_.begin());
      resume();
    }
    context_.restart();
    context_.poll();
  }

 private:
  ManualClock& clock_;
  boost::asio::io_context& context_;
  std::multimap<SteadyTime, std::function<void()>> sleeping_;
};

class VaultLimiterTest : public ::testing::Test {
 protected:
  // Nobody is left waiting.
  ~VaultLimiterTest() override {
    while (!inside.empty()) let_go();
  }
  void make(VaultLimits limits) { limiter = VaultLimiter::create(clock, context.get_executor(), sleeper, limits); }
  // A call that enters, and stays in flight until the test ends it.
  void call(VaultCall what, std::chrono::milliseconds timeout = 1h) {
    auto enter = [](VaultLimiterTest* test, VaultCall as, std::chrono::milliseconds time) -> Task<void> {
      auto deadline = test->clock.steady() + time;
      auto pass = co_await test->limiter->enter(as, deadline);
      if (!pass) {
        test->failed.push_back(pass.error());
        co_return;
      }
      test->entered.push_back(as.key);
      test->inside.push_back(std::make_unique<VaultLimiter::Pass>(std::move(pass).value()));
    };
    boost::asio::co_spawn(context, enter(this, std::move(what), timeout), boost::asio::detached);
    poll();
  }
  void call(std::string vault, std::string key, CallKind kind = CallKind::Request,
            std::chrono::milliseconds timeout = 1h) {
    call({std::move(vault), "org", std::move(key), kind}, timeout);
  }
  // Calls of a stranger, each to another key of its own.
  void flood(int count, CallKind kind) {
    for (int i = 0; i < count; ++i) call({"v", "mallory", "m" + std::to_string(i), kind});
  }
  void poll() {
    context.restart();
    context.poll();
  }
  void let_go() {
    auto one = std::move(inside.front());
    inside.erase(inside.begin());
    one.reset();
    poll();
  }

  boost::asio::io_context context;
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  std::shared_ptr<ManualSleeper> sleeper = std::make_shared<ManualSleeper>(clock, context);
  std::shared_ptr<VaultLimiter> limiter;
  std::vector<std::string> entered;
  std::vector<Error> failed;
  std::vector<std::unique_ptr<VaultLimiter::Pass>> inside;
};

TEST_F(VaultLimiterTest, SoManyAtOnceToOneKeyAndOneVault) {
  make({.per_key = 2, .per_vault = 4});
  for (const auto* key : {"a", "a", "a", "b", "b"}) call("v", key);
  EXPECT_EQ(entered, (std::vector<std::string>{"a", "a", "b"})) << "the third of a waits, and one of b passes it";
  let_go();
  EXPECT_EQ(entered.size(), 4U);
  EXPECT_EQ(entered.back(), "a") << "first come, first served";
  let_go();
  EXPECT_EQ(entered.back(), "b");
  EXPECT_TRUE(failed.empty());
}

TEST_F(VaultLimiterTest, AVaultThatHangsHoldsUpNoOther) {
  make({.per_key = 1, .per_vault = 1});
  for (int i = 0; i < 10; ++i) call("hangs", "k");
  call("other", "k");
  EXPECT_EQ(entered.size(), 2U);
}

TEST_F(VaultLimiterTest, SoManyBegunInAnyWindow) {
  make({.per_key = 100, .per_vault = 100, .per_window = 3, .window = 10s});
  call("v", "k");
  sleeper->advance(4s);
  for (int i = 0; i < 5; ++i) call("v", "k");
  EXPECT_EQ(entered.size(), 3U);
  sleeper->advance(5999ms);
  EXPECT_EQ(entered.size(), 3U);
  sleeper->advance(1ms);
  EXPECT_EQ(entered.size(), 4U) << "the first one's ten seconds are over";
  sleeper->advance(4s);
  EXPECT_EQ(entered.size(), 6U);
}

TEST_F(VaultLimiterTest, WhoseTimeRunsOutIsToldAndTakesNoTurn) {
  make({.per_key = 1, .per_vault = 1});
  call("v", "k");
  call("v", "late", CallKind::Request, 1ms);
  context.restart();
  while (failed.empty()) context.run_one();
  EXPECT_EQ(failed[0].code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(failed[0].reason, "no_turn");
  call("v", "next");
  let_go();
  EXPECT_EQ(entered, (std::vector<std::string>{"k", "next"}));
}

TEST_F(VaultLimiterTest, WithoutTimeNobodyEntersWhereOneMustWait) {
  make({.per_key = 1, .per_vault = 1});
  call("v", "k", CallKind::Request, 0ms);
  EXPECT_EQ(entered.size(), 1U);
  call("v", "k", CallKind::Request, 0ms);
  EXPECT_EQ(failed.size(), 1U);
}

TEST_F(VaultLimiterTest, TooManyAreTurnedAwayAtOnce) {
  make({.per_key = 1, .per_vault = 1, .waiting_per_organization = 2});
  for (int i = 0; i < 4; ++i) call("v", "k");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(failed[0].reason, "no_turn");
  call({"v", "another", "k"});
  EXPECT_EQ(failed.size(), 1U) << "another organisation waits all the same";
}

TEST_F(VaultLimiterTest, BackgroundWorkGoesWhereRequestsLeaveRoom) {
  make({.per_key = 4, .per_vault = 6, .background_per_vault = 1, .per_window = 7, .window = 10s});
  call("v", "rewrap", CallKind::Background);
  call("v", "rewrap", CallKind::Background);
  EXPECT_EQ(entered.size(), 1U) << "one at once";
  for (int i = 0; i < 5; ++i) call("v", "k");
  EXPECT_EQ(entered.size(), 5U);
  let_go();
  EXPECT_EQ(entered.size(), 5U) << "four of a key at once";
  let_go();
  EXPECT_EQ(entered.back(), "k") << "requests first, though one came later";
  let_go();
  EXPECT_EQ(entered.size(), 6U) << "and half of the window is theirs alone";
  sleeper->advance(10s);
  EXPECT_EQ(entered.size(), 7U);
  EXPECT_EQ(entered.back(), "rewrap");
}

TEST_F(VaultLimiterTest, WhoWaitsForAKeyThatCannotBeReachedIsToldSo) {
  make({.per_key = 1, .per_vault = 4});
  for (const auto* key : {"down", "down", "down", "up", "up"}) call("v", key);
  call({"v", "another", "down"});
  call({"v", "another", "down"});
  limiter->turn_away({"v", "org", "down"}, Error{ErrorCode::KeyUnreachable, "down", reason::kTimedOut});
  poll();
  ASSERT_EQ(failed.size(), 2U) << "those of the same organisation alone";
  EXPECT_EQ(failed[0].message(), "down");
  EXPECT_EQ(entered, (std::vector<std::string>{"down", "up", "down"}));
  let_go();
  let_go();
  let_go();
  EXPECT_EQ(entered, (std::vector<std::string>{"down", "up", "down", "up", "down"}));
}

TEST_F(VaultLimiterTest, AStrangersValidationsCostOneTurnAtMost) {
  make({.per_key = 8, .per_vault = 16});
  flood(600, CallKind::Validation);
  EXPECT_EQ(entered.size(), 4U) << "a quarter of the room";
  call("v", "mine", CallKind::Validation);
  EXPECT_NE(entered.back(), "mine");
  let_go();
  if (entered.back() != "mine") let_go();
  EXPECT_EQ(entered.back(), "mine");
}

TEST_F(VaultLimiterTest, AStrangersRequestsLeaveRoomForOthers) {
  make({.per_key = 8, .per_vault = 16});
  flood(600, CallKind::Request);
  EXPECT_EQ(entered.size(), 12U);
  call("v", "request");
  EXPECT_EQ(entered.back(), "request") << "a quarter is kept from any one organisation";
  for (auto kind : {CallKind::Request, CallKind::Validation, CallKind::Background}) {
    call({"v", "second", "more", kind});
    call({"v", "second", "more", kind});
  }
  EXPECT_EQ(entered.size(), 14U);
  call("v", "renewal", CallKind::Renewal);
  EXPECT_EQ(entered.back(), "renewal") << "and an eighth for renewals";
}

TEST_F(VaultLimiterTest, AStrangersCallsLeaveRoomInTheWindow) {
  make({.per_key = 8, .per_vault = 16, .per_window = 80, .window = 10s});
  flood(600, CallKind::Validation);
  for (int i = 0; i < 100 && !inside.empty(); ++i) let_go();
  EXPECT_EQ(entered.size(), 20U) << "validations: a quarter";
  flood(600, CallKind::Request);
  for (int i = 0; i < 100 && !inside.empty(); ++i) let_go();
  EXPECT_EQ(entered.size(), 60U) << "one organisation: three quarters";
  for (int i = 0; i < 20; ++i) {
    call("v", "request");
    if (!inside.empty()) let_go();
  }
  EXPECT_EQ(entered.size(), 70U) << "all but renewals: seven eighths";
  EXPECT_EQ(entered.back(), "request");
  call("v", "renewal", CallKind::Renewal);
  EXPECT_EQ(entered.back(), "renewal");
}

TEST_F(VaultLimiterTest, OrganisationsTakeTurns) {
  make({.per_key = 1, .per_vault = 1});
  call({"v", "first", "inside"});
  for (const auto* key : {"a1", "a2", "a3"}) call({"v", "a", key});
  for (const auto* key : {"b1", "b2"}) call({"v", "b", key, CallKind::Validation});
  call({"v", "c", "c1", CallKind::Background});
  call({"v", "d", "d1", CallKind::Renewal});
  while (!inside.empty()) let_go();
  EXPECT_EQ(entered, (std::vector<std::string>{"inside", "d1", "a1", "b1", "c1", "a2", "b2", "a3"}));
}

TEST_F(VaultLimiterTest, KeysOfAnOrganisationTakeTurns) {
  make({.per_key = 1, .per_vault = 1});
  for (const auto* key : {"inside", "a", "a", "a", "b"}) call("v", key);
  while (!inside.empty()) let_go();
  EXPECT_EQ(entered, (std::vector<std::string>{"inside", "a", "b", "a", "a"}));
}

TEST_F(VaultLimiterTest, ARenewalWaitsShortlyForItsTurn) {
  make({.per_key = 1, .per_vault = 1, .renewal_turn = 1ms});
  call("v", "k");
  call("v", "k", CallKind::Renewal, 1h);
  context.restart();
  while (failed.empty()) context.run_one();
  EXPECT_EQ(failed[0].reason, "no_turn");
  EXPECT_NE(failed[0].message().find("v"), std::string::npos);
}

TEST_F(VaultLimiterTest, StrangersVaultsAreForgotten) {
  make({.window = 10s});
  for (int i = 0; i < 1000; ++i) {
    call("vault-" + std::to_string(i), "k");
    let_go();
    sleeper->advance(100ms);
  }
  EXPECT_LT(limiter->load().vaults, 200U) << "a hundred are of the last window";
  EXPECT_EQ(limiter->load().in_flight, 0U);
}

TEST_F(VaultLimiterTest, ALimiterThatIsGoneWakesNobody) {
  make({.per_window = 1, .window = 10s});
  call("v", "k");
  inside.clear();
  limiter.reset();
  sleeper->advance(10s);
}

// The test cares only that the provider's calls wait.
class CountingProvider final : public KeyProvider {
 public:
  Task<Result<WrappedKey>> wrap(const KeyLocation&, const Binding&, const crypto::SecretBytes&, Deadline) override {
    ++calls;
    co_return Error{ErrorCode::KeyDenied, "w"};
  }
  Task<Result<UnwrappedKey>> unwrap(const KeyLocation&, const Binding&, const WrappedKey&, Deadline) override {
    ++calls;
    co_return Error{ErrorCode::KeyDenied, "u"};
  }
  Task<Result<KeyDescription>> describe(const KeyLocation&, Deadline) override {
    ++calls;
    co_return Error{ErrorCode::KeyDenied, "d"};
  }
  int calls = 0;
};

TEST_F(VaultLimiterTest, AGatedProviderAsksOnlyOnceItIsLetIn) {
  make({.per_key = 1, .per_vault = 1});
  CountingProvider inner;
  LimitedKeyProvider provider(inner, limiter, CallKind::Request, 10s);
  auto location = testing::memory_location("v", "k");
  auto run_all = [&](const KeyLocation& where) {
    crypto::SecretBytes secret(32);
    WrappedKey wrapped;
    auto soon = clock.steady();
    return std::vector<std::string>{
        testing::run_task(context, provider.wrap(where, {}, secret, soon)).error().message(),
        testing::run_task(context, provider.unwrap(where, {}, wrapped, soon)).error().message(),
        testing::run_task(context, provider.describe(where, soon)).error().message()};
  };
  EXPECT_EQ(run_all(location), (std::vector<std::string>{"w", "u", "d"}));
  call({"v", "", "k"});
  for (const auto& message : run_all(location))
    EXPECT_NE(message.find("no turn came in time"), std::string::npos) << message;
  EXPECT_EQ(inner.calls, 3);
  EXPECT_EQ(run_all(KeyLocation{}), (std::vector<std::string>{"w", "u", "d"}));
}

}  // namespace
}  // namespace latchkey::kms
