#include "webhooks/backlog.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "store/testing/sealing_fixture.hpp"
#include "testing/matchers.hpp"
#include "webhooks/testing/webhook_fixture.hpp"

namespace latchkey::webhooks {
namespace {

using audit::testing::text_of;
using kms::testing::response;
using latchkey::testing::IsError;
using std::chrono::milliseconds;
using std::chrono::minutes;
using store::WebhookDeliveryState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A store whose writes fail after a number of them, as if the process were gone.
class BreakingStore final : public store::Store {
 public:
  BreakingStore(store::Store& inner, std::size_t writes) : inner_(inner), left_(writes) {}
  Task<Result<void>> purge(std::optional<Uuid> compartment) override { return inner_.purge(compartment); }
  Task<Result<store::SealCounts>> check_seals() override { return inner_.check_seals(); }
  Task<Result<store::SealProgress>> reseal(store::SealProgress from, std::size_t limit) override {
    return inner_.reseal(from, limit);
  }
  store::Changes& changes() override { return inner_.changes(); }

 protected:
  Task<Result<void>> run(Access access, std::function<Result<void>(store::Transaction&)> work) override {
    if (access != Access::Write) co_return co_await inner_.read(std::move(work));
    if (left_ == 0) co_return Error{ErrorCode::Unavailable, "gone"};
    --left_;
    co_return co_await inner_.write(std::move(work));
  }

 private:
  store::Store& inner_;
  std::size_t left_;
};

struct BacklogTest : ::testing::Test {
  testing::WebhookFixture fixture;
  EndpointWithSecret endpoint = fixture.make_endpoint("https://example.com/hooks");
  std::string id = endpoint.row.id;

  // Inserts deliveries numbered from 0, each a millisecond after the one before.
  void given(std::size_t count, WebhookDeliveryState state, const std::string& to, const Uuid& organization) {
    auto write = [&](store::Transaction& tx) -> Result<void> {
      for (std::size_t number = 0; number < count; ++number) {
        fixture.clock.advance(milliseconds(1));
        Event event{event_type::kExternalKeyFailed, organization, fmt::format("ekey_{}", number)};
        auto row =
            make_delivery(event, make_id(id_prefix::kEvent, fixture.random), to, fixture.clock.now(), fixture.random);
        row.state = state;
        if (state != WebhookDeliveryState::Pending) row.next_attempt_at.reset();
        LATCHKEY_TRYV(tx.insert(row));
      }
      return success();
    };
    ASSERT_TRUE(fixture.run(fixture.store().write(write)));
    fixture.clock.advance(milliseconds(1));
  }
  void given(std::size_t count, WebhookDeliveryState state) { given(count, state, id, fixture.admin().organization); }

  std::vector<store::WebhookDelivery> all(const std::string& of, audit::Caller caller) {
    return fixture.run(fixture.endpoints.deliveries(std::move(caller), of, 10'000, std::nullopt)).value().deliveries;
  }
  // Newest first.
  std::vector<store::WebhookDelivery> in_state(WebhookDeliveryState state) {
    auto rows = all(id, fixture.admin());
    std::erase_if(rows, [&](const auto& row) { return row.state != state; });
    return rows;
  }
  std::size_t count(WebhookDeliveryState state) { return in_state(state).size(); }
  Result<store::WebhookEndpoint> set_enabled(bool enabled) {
    EndpointChange change;
    change.enabled = enabled;
    return fixture.run(fixture.endpoints.update(fixture.admin(), id, change));
  }
  std::ptrdiff_t told() {
    auto types = fixture.activity_types();
    return std::ranges::count(types, "org_webhook_backlog_full");
  }
  // Runs the deliverer until it has nothing left to do at once, and returns how often it ran.
  int run_until_done() {
    for (int turns = 1;; ++turns) {
      auto pause = fixture.run(fixture.deliverer->run_once());
      while (!fixture.deliverer->idle()) fixture.context.run_one();
      if (pause > milliseconds(0)) return turns;
    }
  }
};

TEST_F(BacklogTest, TheOldestThatWaitsMakesRoomForTheNewest) {
  given(kMostPending, WebhookDeliveryState::Pending);
  EXPECT_EQ(told(), 0);
  fixture.publish(event_type::kExternalKeyRecovered, "ekey_newest");
  auto waiting = in_state(WebhookDeliveryState::Pending);
  ASSERT_THAT(waiting, SizeIs(kMostPending));
  EXPECT_THAT(waiting.front().body, HasSubstr("ekey_newest"));
  auto given_up = in_state(WebhookDeliveryState::Failed);
  ASSERT_THAT(given_up, SizeIs(1));
  EXPECT_THAT(given_up[0].body, HasSubstr("\"ekey_0\""));
  EXPECT_EQ(given_up[0].last_error, "It was given up: more events than 1000 were waiting for the endpoint.");
  auto activity = fixture.last_activity("org_webhook_backlog_full");
  EXPECT_EQ(text_of(activity.at("webhook_endpoint_id")), id);
  EXPECT_EQ(activity.at("most"), boost::json::value(1000));
}

TEST_F(BacklogTest, IsToldOnceAnHourOfEachEndpoint) {
  auto second = fixture.make_endpoint("https://example.com/second");
  given(kMostPending, WebhookDeliveryState::Pending);
  for (int i = 0; i < 3; ++i) fixture.publish();
  EXPECT_EQ(told(), 1);
  given(kMostPending, WebhookDeliveryState::Pending, second.row.id, fixture.admin().organization);
  fixture.publish();
  EXPECT_EQ(told(), 2);
  EXPECT_EQ(text_of(fixture.last_activity("org_webhook_backlog_full").at("webhook_endpoint_id")), second.row.id);
  fixture.clock.advance(minutes(61));
  for (int i = 0; i < 3; ++i) fixture.publish();
  EXPECT_EQ(told(), 4);
}

TEST_F(BacklogTest, OneThatIsGivenUpOnItsWayStaysSoUnlessItArrives) {
  for (bool arrives : {false, true}) {
    auto before = count(WebhookDeliveryState::Delivered);
    given(kMostPending - count(WebhookDeliveryState::Pending), WebhookDeliveryState::Pending);
    bool is_first = true;
    fixture.client.set([&, arrives](const auto&) {
      // A thread of the store publishes the event while the receiver reads.
      if (std::exchange(is_first, false)) {
        auto publish_more = [&](store::Transaction& tx) {
          return publish(tx, fixture.clock, fixture.random,
                         {event_type::kExternalKeyFailed, fixture.admin().organization, "ekey_meanwhile"});
        };
        EXPECT_TRUE(run_blocking(fixture.store().write(publish_more)));
      }
      return response(arrives ? 200 : 500, "");
    });
    fixture.deliver();
    EXPECT_EQ(count(WebhookDeliveryState::Delivered), before + (arrives ? 1 : 0));
    EXPECT_EQ(count(WebhookDeliveryState::Pending), kMostPending);
    for (const auto& row : in_state(WebhookDeliveryState::Failed)) {
      EXPECT_THAT(row.last_error.value_or(""), HasSubstr("given up: more"));
    }
  }
}

TEST_F(BacklogTest, WhatEndedIsForgottenBeyondTheNewestInSteps) {
  given(kMostEnded + 2 * kChangedAtOnce + 50, WebhookDeliveryState::Delivered);
  EXPECT_EQ(run_until_done(), 3);
  auto kept = in_state(WebhookDeliveryState::Delivered);
  ASSERT_THAT(kept, SizeIs(kMostEnded));
  EXPECT_THAT(kept.back().body, HasSubstr("\"ekey_450\""));
  EXPECT_EQ(run_until_done(), 1);
}

TEST_F(BacklogTest, NothingIsForgottenOnceStopped) {
  given(kMostEnded + 1, WebhookDeliveryState::Delivered);
  fixture.deliverer->stop();
  EXPECT_EQ(run_until_done(), 1);
  EXPECT_EQ(count(WebhookDeliveryState::Delivered), kMostEnded + 1);
}

TEST_F(BacklogTest, ADisabledEndpointsEventsAreGivenUpInStepsAndNeverSent) {
  given(kMostPending, WebhookDeliveryState::Pending);
  ASSERT_TRUE(set_enabled(false));
  EXPECT_EQ(count(WebhookDeliveryState::Failed), kChangedAtOnce);
  EXPECT_EQ(run_until_done(), 5);
  EXPECT_THAT(fixture.client.requests(), IsEmpty());
  auto given_up = in_state(WebhookDeliveryState::Failed);
  ASSERT_THAT(given_up, SizeIs(kMostPending));
  for (const auto& row : given_up) EXPECT_EQ(row.last_error, "The endpoint was disabled.");
}

TEST_F(BacklogTest, EnablingAtOnceBringsBackNoneOfThem) {
  given(kMostPending, WebhookDeliveryState::Pending);
  ASSERT_TRUE(set_enabled(false));
  auto enabled = set_enabled(true);
  ASSERT_TRUE(enabled);
  EXPECT_TRUE(enabled.value().enabled);
  EXPECT_EQ(count(WebhookDeliveryState::Pending), 0U);
  run_until_done();
  EXPECT_THAT(fixture.client.requests(), IsEmpty());
}

TEST_F(BacklogTest, AnEndpointThatIsGoneGivesUpAllInSteps) {
  given(kMostPending, WebhookDeliveryState::Pending);
  fixture.client.set([](const auto&) { return response(410, ""); });
  run_until_done();
  EXPECT_THAT(fixture.client.requests(), SizeIs(1));
  run_until_done();
  EXPECT_EQ(count(WebhookDeliveryState::Failed), kMostPending);
  EXPECT_THAT(fixture.client.requests(), SizeIs(1));
}

TEST_F(BacklogTest, ARemovalThatWasBrokenOffSendsNothingAndGoesOn) {
  given(kMostEnded, WebhookDeliveryState::Failed);
  given(kMostPending, WebhookDeliveryState::Pending);
  BreakingStore breaking(fixture.store(), 3);
  Endpoints through(breaking, fixture.secrets, fixture.clock, fixture.random, {});
  EXPECT_FALSE(fixture.run(through.remove(fixture.admin(), id)));
  EXPECT_THAT(all(id, fixture.admin()), SizeIs(kMostEnded + kMostPending - 3 * kChangedAtOnce));
  auto row = fixture.run(fixture.endpoints.get(fixture.admin(), id)).value();
  EXPECT_FALSE(row.enabled);
  EXPECT_THAT(row.disabled_reason, HasSubstr("began to remove it"));
  fixture.publish();
  run_until_done();
  EXPECT_THAT(fixture.client.requests(), IsEmpty());
  ASSERT_TRUE(fixture.run(fixture.endpoints.remove(fixture.admin(), id)));
  EXPECT_THAT(fixture.run(fixture.endpoints.get(fixture.admin(), id)), IsError(ErrorCode::NotFound));
  EXPECT_EQ(text_of(fixture.last_activity("org_webhook_endpoint_deleted").at("webhook_endpoint_id")), id);
}

TEST_F(BacklogTest, AnotherOrganisationsDeliveriesAreUntouched) {
  NewEndpoint wanted{.url = "https://example.org/theirs", .description = "", .events = {}};
  auto theirs = fixture.run(fixture.endpoints.create(fixture.stranger(), std::move(wanted))).value().row;
  given(20, WebhookDeliveryState::Delivered, theirs.id, theirs.organization);
  given(20, WebhookDeliveryState::Pending, theirs.id, theirs.organization);
  auto before = all(theirs.id, fixture.stranger());
  given(kMostEnded + 10, WebhookDeliveryState::Delivered);
  given(kMostPending, WebhookDeliveryState::Pending);
  for (int i = 0; i < 5; ++i) fixture.publish();
  auto step = [&] { return fixture.run(fixture.store().write(tidy)).value(); };
  while (step()) continue;
  ASSERT_TRUE(set_enabled(false));
  while (step()) continue;
  EXPECT_LE(all(id, fixture.admin()).size(), kMostEnded + kMostPending);
  ASSERT_TRUE(fixture.run(fixture.endpoints.remove(fixture.admin(), id)));
  EXPECT_EQ(all(theirs.id, fixture.stranger()), before);
  run_until_done();
  EXPECT_EQ(fixture.client.count("theirs"), 1U);
}

// Changes the store's rows past the store.
struct TamperedBacklogTest : store::testing::SealingTest {
  Result<void> given_ended(const std::string& endpoint_id, std::size_t count) {
    return write([&](store::Transaction& tx) -> Result<void> {
      for (std::size_t number = 0; number < count; ++number) {
        auto row = delivery_;
        row.id = fmt::format("{}_{}", endpoint_id, number);
        row.endpoint_id = endpoint_id;
        row.state = WebhookDeliveryState::Delivered;
        row.next_attempt_at.reset();
        LATCHKEY_TRYV(tx.insert(row));
      }
      return success();
    });
  }
  std::string ended(std::string_view endpoint_id) {
    return query(fmt::format("SELECT ended_deliveries FROM webhook_endpoints WHERE id = '{}'", endpoint_id));
  }
};

TEST_F(TamperedBacklogTest, EndpointsThatDoNotVerifyHoldUpNobodysTidying) {
  constexpr int kBad = 17;  // more than a step looks at
  given_all();
  auto insert = [&](store::Transaction& tx) -> Result<void> {
    for (int number = 0; number < kBad; ++number) {
      auto row = endpoint_;
      row.id = fmt::format("whep_bad_{}", number);
      LATCHKEY_TRYV(tx.insert(row));
    }
    return success();
  };
  ASSERT_TRUE(write(insert));
  for (int number = 0; number < kBad; ++number) {
    ASSERT_TRUE(given_ended(fmt::format("whep_bad_{}", number), kMostEnded + 2));
  }
  ASSERT_TRUE(given_ended(endpoint_.id, kMostEnded + 1));
  ASSERT_EQ(tamper("UPDATE webhook_endpoints SET url = url || 'x' WHERE id LIKE 'whep_bad_%'"), "");
  int steps = 0;
  for (; read(is_untidy).value() && steps < 10; ++steps) {
    ASSERT_TRUE(write(tidy));
  }
  EXPECT_EQ(steps, 2);
  EXPECT_EQ(ended(endpoint_.id), "1000");
  EXPECT_EQ(ended("whep_bad_0"), "1000");
}

}  // namespace
}  // namespace latchkey::webhooks
