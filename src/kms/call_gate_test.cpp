#include "kms/call_gate.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "kms/gated_key_provider.hpp"
#include "kms/testing/run_task.hpp"

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

class CallGateTest : public ::testing::Test {
 protected:
  // Nobody is left waiting.
  ~CallGateTest() override {
    while (!inside.empty()) let_go();
  }
  void make(GateLimits limits) { gate = CallGate::create(clock, context.get_executor(), sleeper, limits); }
  // A call that enters, and stays in until it is let go.
  void call(std::string vault, std::string key, CallKind kind = CallKind::Request,
            std::chrono::milliseconds patience = 1h) {
    auto enter = [](CallGateTest* test, std::string to, std::string of, CallKind as,
                    std::chrono::milliseconds time) -> Task<void> {
      auto deadline = test->clock.steady() + time;
      auto pass = co_await test->gate->enter(to, of, as, deadline);
      if (!pass) {
        test->failed.push_back(pass.error());
        co_return;
      }
      test->entered.push_back(of);
      test->inside.push_back(std::make_unique<CallGate::Pass>(std::move(pass).value()));
    };
    boost::asio::co_spawn(context, enter(this, std::move(vault), std::move(key), kind, patience),
                          boost::asio::detached);
    poll();
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
  std::shared_ptr<CallGate> gate;
  std::vector<std::string> entered;
  std::vector<Error> failed;
  std::vector<std::unique_ptr<CallGate::Pass>> inside;
};

TEST_F(CallGateTest, SoManyAtOnceToOneKeyAndOneVault) {
  make({.per_key = 2, .per_vault = 3});
  for (const auto* key : {"a", "a", "a", "b", "b"}) call("v", key);
  EXPECT_EQ(entered, (std::vector<std::string>{"a", "a", "b"})) << "the third of a waits, and one of b passes it";
  let_go();
  EXPECT_EQ(entered.size(), 4U);
  EXPECT_EQ(entered.back(), "a") << "first come, first served";
  let_go();
  EXPECT_EQ(entered.back(), "b");
  EXPECT_TRUE(failed.empty());
}

TEST_F(CallGateTest, AVaultThatHangsHoldsUpNoOther) {
  make({.per_key = 1, .per_vault = 1});
  for (int i = 0; i < 10; ++i) call("hangs", "k");
  call("other", "k");
  EXPECT_EQ(entered.size(), 2U);
}

TEST_F(CallGateTest, SoManyBegunInAnyWindow) {
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

TEST_F(CallGateTest, WhoseTimeRunsOutIsToldAndTakesNoTurn) {
  make({.per_key = 1, .per_vault = 1});
  call("v", "k");
  call("v", "late", CallKind::Request, 1ms);
  context.restart();
  while (failed.empty()) context.run_one();
  EXPECT_EQ(failed[0].code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(failed[0].reason, "timed_out");
  call("v", "next");
  let_go();
  EXPECT_EQ(entered, (std::vector<std::string>{"k", "next"}));
}

TEST_F(CallGateTest, WithoutTimeNobodyEntersWhereOneMustWait) {
  make({.per_key = 1, .per_vault = 1});
  call("v", "k", CallKind::Request, 0ms);
  EXPECT_EQ(entered.size(), 1U);
  call("v", "k", CallKind::Request, 0ms);
  EXPECT_EQ(failed.size(), 1U);
}

TEST_F(CallGateTest, TooManyAreTurnedAwayAtOnce) {
  make({.per_key = 1, .per_vault = 1, .waiting_per_vault = 2});
  for (int i = 0; i < 4; ++i) call("v", "k");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(failed[0].reason, "throttled");
}

TEST_F(CallGateTest, BackgroundWorkGoesWhereRequestsLeaveRoom) {
  make({.per_key = 4, .per_vault = 4, .background_per_vault = 1, .per_window = 6, .window = 10s});
  call("v", "rewrap", CallKind::Background);
  call("v", "rewrap", CallKind::Background);
  EXPECT_EQ(entered.size(), 1U) << "one at once";
  for (int i = 0; i < 4; ++i) call("v", "k");
  EXPECT_EQ(entered.size(), 4U);
  let_go();
  EXPECT_EQ(entered.back(), "k") << "requests first, though one came later";
  let_go();
  EXPECT_EQ(entered.size(), 5U) << "and half of the window is theirs alone";
  sleeper->advance(10s);
  EXPECT_EQ(entered.size(), 6U);
  EXPECT_EQ(entered.back(), "rewrap");
}

TEST_F(CallGateTest, WhoWaitsForAKeyThatCannotBeReachedIsToldSo) {
  make({.per_key = 1, .per_vault = 4});
  for (const auto* key : {"down", "down", "down", "up", "up"}) call("v", key);
  gate->turn_away("v", "down", Error{ErrorCode::KeyUnreachable, "down", "timed_out"});
  poll();
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0].message, "down");
  EXPECT_EQ(entered, (std::vector<std::string>{"down", "up"}));
  let_go();
  let_go();
  EXPECT_EQ(entered.back(), "up");
}

TEST_F(CallGateTest, AGateThatIsGoneWakesNobody) {
  make({.per_window = 1, .window = 10s});
  call("v", "k");
  inside.clear();
  gate.reset();
  sleeper->advance(10s);
}

// What the provider does is not of interest; that its calls wait is.
class CountingProvider final : public KeyProvider {
 public:
  Task<Result<WrappedKey>> wrap(const KeyLocation&, const crypto::SecretBytes&, Deadline) override {
    ++calls;
    co_return Error{ErrorCode::KeyDenied, "w"};
  }
  Task<Result<UnwrappedKey>> unwrap(const KeyLocation&, const WrappedKey&, Deadline) override {
    ++calls;
    co_return Error{ErrorCode::KeyDenied, "u"};
  }
  Task<Result<KeyDescription>> describe(const KeyLocation&, Deadline) override {
    ++calls;
    co_return Error{ErrorCode::KeyDenied, "d"};
  }
  int calls = 0;
};

TEST_F(CallGateTest, AGatedProviderAsksOnlyOnceItIsLetIn) {
  make({.per_key = 1, .per_vault = 1});
  CountingProvider inner;
  GatedKeyProvider provider(inner, gate, CallKind::Request, 10s);
  KeyLocation location = AzureKey{"https://v.vault.azure.net/", "k", "t", std::nullopt};
  auto run_all = [&](const KeyLocation& where) {
    crypto::SecretBytes secret(32);
    WrappedKey wrapped;
    auto soon = clock.steady();
    return std::vector<std::string>{testing::run_task(context, provider.wrap(where, secret, soon)).error().message,
                                    testing::run_task(context, provider.unwrap(where, wrapped, soon)).error().message,
                                    testing::run_task(context, provider.describe(where, soon)).error().message};
  };
  EXPECT_EQ(run_all(location), (std::vector<std::string>{"w", "u", "d"}));
  call("https://v.vault.azure.net/", "k");
  for (const auto& message : run_all(location)) EXPECT_NE(message.find("time ran out"), std::string::npos) << message;
  EXPECT_EQ(inner.calls, 3);
  EXPECT_EQ(run_all(LocalKey{}), (std::vector<std::string>{"w", "u", "d"}));
}

}  // namespace
}  // namespace latchkey::kms
