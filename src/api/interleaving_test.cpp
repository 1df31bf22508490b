// What ends access (a refusal, a suspension, a shredding, an eviction, a revoked API key) while requests are under way,
// at every await of theirs: no use begins after the event is durable. A use is what a response hands out: plaintext,
// ciphertext or a data key on lease.
#include "api/testing/interleaving.hpp"

#include <cstdlib>
#include <random>

namespace latchkey::api {
namespace {

using testing::Door;
using testing::Event;
using testing::InterleavingTest;
using testing::kDoors;
using testing::kEvents;
using testing::Script;
using testing::Start;
using testing::Step;

class EachEvent : public InterleavingTest, public ::testing::WithParamInterface<Event> {};

// Of requests that take long: these look at the API key once more, and have all other awaits, too.
TEST_P(EachEvent, EndsAllUseWhereverTheRequestWas) {
  for (auto start : {Start::Cold, Start::Warm}) {
    for (auto door : kDoors) {
      auto script = [&](int turn) { return Script{start, 3, {{0, door}, {turn, GetParam()}}, true}; };
      for (int turn = 0; turn < 200 && play(script(turn)); ++turn) {
        if (HasFailure()) return;
      }
      EXPECT_TRUE(hands_out(*asked.front()->response)) << "before it, it is served";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Interleaving, EachEvent, ::testing::ValuesIn(kEvents), [](const auto& tested) {
  auto name = name_of(tested.param);
  std::erase(name, ' ');
  return name;
});

// Several requests and events at once. LATCHKEY_TEST_SEED=N plays another set.
TEST_F(InterleavingTest, ManyAtOnceByChance) {
  constexpr int kPlays = 150;
  const auto* given = std::getenv("LATCHKEY_TEST_SEED");
  unsigned seed = given == nullptr ? 20260810U : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
  for (int i = 0; i < kPlays && !HasFailure(); ++i) {
    auto seed_of_play = seed + static_cast<unsigned>(i);
    SCOPED_TRACE("LATCHKEY_TEST_SEED=" + std::to_string(seed_of_play));
    std::mt19937 chance(seed_of_play);
    auto up_to = [&](int most) { return static_cast<int>(chance() % static_cast<unsigned>(most + 1)); };
    Script script{up_to(1) == 0 ? Start::Cold : Start::Warm, up_to(8), {}, up_to(1) == 0};
    for (int requests = 1 + up_to(3); requests > 0; --requests) {
      script.steps.push_back({up_to(12), kDoors[static_cast<std::size_t>(up_to(std::size(kDoors) - 1))]});
    }
    auto events = std::vector<Event>(std::begin(kEvents), std::end(kEvents));
    std::ranges::shuffle(events, chance);
    for (int count = 1 + up_to(2); count > 0; --count) {
      script.steps.push_back({up_to(30), events[static_cast<std::size_t>(count)]});
    }
    std::ranges::stable_sort(script.steps, {}, &Step::turn);
    (void)play(script);
  }
}

// The key's response arrives once the event is over.
TEST_P(EachEvent, AResponseOfTheKeyThatWasHeldBackServesNobody) {
  for (auto door : kDoors) {
    Script script{Start::Cold, 3, {{0, door}, {0, GetParam()}}, true};
    SCOPED_TRACE(name_of(door));
    set_up(script);
    auto unwraps = fixture.provider.unwraps;
    bool held = false;
    std::function<Task<void>()> hold_back = [&]() -> Task<void> {
      held = true;
      auto executor = co_await boost::asio::this_coro::executor;
      begin(GetParam());
      while (is_underway()) co_await boost::asio::post(executor, boost::asio::use_awaitable);
    };
    fixture.provider.interruption = [&] { return hold_back(); };
    bool first = door == Door::FirstKey;
    ask(door, first ? fresh : usual, first ? fresh_key : usual_key);
    fixture.settle();
    ASSERT_TRUE(held) << "it never asked the key";
    EXPECT_GT(fixture.provider.unwraps + fixture.provider.wraps, unwraps);
    check(*asked.back());
    clear_up(script);
  }
}

// Another process, of which this one hears nothing, revokes the key while the request waits for the vault.
TEST_F(InterleavingTest, AKeyThatAnotherProcessRevokedIsRefusedAfterAMoment) {
  for (auto door : kDoors) {
    SCOPED_TRACE(name_of(door));
    set_up({Start::Cold, 3, {{0, door}, {0, Event::RevokedKey}}, false});
    std::function<Task<void>()> elsewhere = [&]() -> Task<void> {
      fixture.clock.advance(std::chrono::milliseconds(100));
      for (const auto& id : callers) {
        auto revoke = [&](store::Transaction& tx) {
          return tx.revoke_api_key(fixture.own.organization.id, id, fixture.clock.now());
        };
        auto revoked = co_await fixture.store().write(std::move(revoke));
        EXPECT_TRUE(revoked);
      }
    };
    fixture.provider.interruption = [&] { return elsewhere(); };
    bool first = door == Door::FirstKey;
    auto response = fixture.send(request_of(door, first ? fresh : usual, first ? fresh_key : usual_key));
    EXPECT_EQ(response.status, 401U) << response.body;
    fixture.settle();
  }
}

// Nor does it hear of a suspension there: it reads the row itself once more between the key's response and its use.
TEST_F(InterleavingTest, AKeyThatAnotherProcessSuspendedServesNobodyWhoWaitedForIt) {
  for (auto door : kDoors) {
    SCOPED_TRACE(name_of(door));
    set_up({Start::Cold, 3, {{0, door}, {0, Event::Suspension}}, false});
    auto whole = [this](store::Transaction& tx, bool suspends) -> Result<void> {
      if (suspends) {
        return tx.insert(store::ExternalKeySuspension{.external_key_id = external_key,
                                                      .organization = fixture.own.organization.id,
                                                      .suspended_at = fixture.clock.now(),
                                                      .suspended_by = "apikey_elsewhere",
                                                      .reason = std::nullopt});
      }
      LATCHKEY_TRYV(tx.erase_suspension(fixture.own.organization.id, external_key));
      return success();
    };
    std::function<Result<void>(store::Transaction&)> suspend = [&](store::Transaction& tx) { return whole(tx, true); };
    std::function<Result<void>(store::Transaction&)> resume = [&](store::Transaction& tx) { return whole(tx, false); };
    std::function<Task<void>()> elsewhere = [&]() -> Task<void> {
      auto written = co_await fixture.store().write(suspend);
      EXPECT_TRUE(written);
    };
    fixture.provider.interruption = [&] { return elsewhere(); };
    bool first = door == Door::FirstKey;
    auto response = fixture.send(request_of(door, first ? fresh : usual, first ? fresh_key : usual_key));
    EXPECT_FALSE(hands_out(response)) << response.body;
    EXPECT_NE(response.body.find("suspended"), std::string::npos) << response.body;
    fixture.settle();
    ASSERT_TRUE(fixture.run(fixture.store().write(resume)));
  }
}

// What an admin's request set about, and has not done when its key is revoked, is not done.
TEST_F(InterleavingTest, AnAdminWhoseKeyIsRevokedChangesNothingMore) {
  auto admin = make_caller(store::Role::Admin);
  auto workspace = fixture.make_workspace("Unattached");
  std::function<Task<void>()> revoke = [&]() -> Task<void> {
    auto revoked = co_await fixture.credentials->revoke_api_key(fixture.own.organization.id, admin.id);
    EXPECT_TRUE(revoked);
  };
  fixture.provider.interruption = [&] { return revoke(); };
  auto path = "/v1/organizations/workspaces/" + workspace.id;
  auto response = fixture.call("POST", path, admin.secret, R"({"external_key_id":")" + external_key + R"("})");
  EXPECT_EQ(response.status, 401U) << response.body;
  EXPECT_EQ(fixture.get(path).at("/external_key_id"), boost::json::value(nullptr));
}

}  // namespace
}  // namespace latchkey::api
