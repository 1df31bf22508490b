#include "keyring/key_version_state.hpp"

#include <gtest/gtest.h>

#include "kms/reasons.hpp"

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;

const Error kDenied{ErrorCode::KeyDenied, "disabled", kms::reason::kKeyDisabled};
const Error kDown{ErrorCode::KeyUnreachable, "down", kms::reason::kTimedOut};

class KeyVersionStateTest : public ::testing::Test {
 protected:
  void prove(double phase = 0) { state.record_success(now, ages, phase); }
  [[nodiscard]] LeaseUse use() const { return state.use(ages, now); }
  [[nodiscard]] bool due() const { return state.renewal_due(ages, now); }

  LeaseAges ages{60s, 1h};
  KeyVersionStateSettings settings{{10s, 60s}, {1s, 30s}};
  AgeTime start{100h};
  AgeTime now = start;
  KeyVersionState state;
};

TEST_F(KeyVersionStateTest, WhatWasNeverProvenServesNobody) {
  EXPECT_EQ(use(), LeaseUse::Gone);
  EXPECT_FALSE(due());
}

TEST_F(KeyVersionStateTest, TheFirstRenewalIsAnywhereInSoftByItsPhase) {
  struct Case {
    double phase;
    std::chrono::milliseconds due;
  };
  for (auto [phase, when] : {Case{0.001, 60ms}, Case{0.5, 30s}, Case{0.999, 59940ms}}) {
    state = {};
    now = start;
    prove(phase);
    now = start + when - 1ms;
    EXPECT_FALSE(due()) << phase;
    now = start + when;
    EXPECT_TRUE(due()) << phase;
  }
}

TEST_F(KeyVersionStateTest, FromThereOnItIsAskedOnceEachSoft) {
  prove(0.5);
  int asked = 0;
  while (now < start + 1h) {
    if (due()) {
      state.begin_renewal(now, settings);
      EXPECT_FALSE(due());
      ++asked;
      prove(0.1);
      state.renewing_since.reset();
    }
    EXPECT_NE(use(), LeaseUse::Stale);
    now += 50ms;
  }
  EXPECT_EQ(asked, 60);
}

TEST_F(KeyVersionStateTest, ALeaseServesWhileItsRenewalIsLateAndAnIdleOneDoesNot) {
  prove();
  now = start + 60s + renewal_slack(ages) - 1ms;
  EXPECT_EQ(use(), LeaseUse::Awaiting);
  state.begin_renewal(now, settings);
  now += 9s;
  EXPECT_EQ(use(), LeaseUse::Awaiting);
  state.renewing_since.reset();
  EXPECT_EQ(use(), LeaseUse::Stale);
  state.begin_renewal(now, settings);
  EXPECT_EQ(use(), LeaseUse::Stale) << "begun too late to be used meanwhile";
}

TEST_F(KeyVersionStateTest, ALeaseIsNotUsedOnForAQuestionFromBeforeASleep) {
  prove();
  now = start + 59s;
  state.begin_renewal(now, settings);
  now += settings.longest_request - 1ms;
  EXPECT_EQ(use(), LeaseUse::Awaiting);
  now += 30min;
  EXPECT_EQ(use(), LeaseUse::Stale);
}

TEST_F(KeyVersionStateTest, WithoutBridgingTheRenewalIsAheadAndTheLeaseEndsAtSoft) {
  ages.hard = ages.soft;
  prove(0.999);
  now = start + 44978ms;
  EXPECT_TRUE(due());
  state.begin_renewal(now, settings);
  now = start + 60s - 1ns;
  EXPECT_EQ(use(), LeaseUse::Fresh);
  now = start + 60s;
  EXPECT_EQ(use(), LeaseUse::Gone);
}

TEST_F(KeyVersionStateTest, ARenewalWithoutAResponseIsNotRepeatedAtOnce) {
  prove();
  now = start + 30s;
  state.begin_renewal(now, settings);
  state.renewing_since.reset();
  EXPECT_FALSE(due());
  now += 1s;
  EXPECT_TRUE(due());
}

TEST_F(KeyVersionStateTest, AnOutageIsBridgedToHardAndTriedEverMoreSlowly) {
  prove();
  now = start + 61s;
  std::vector<std::chrono::milliseconds> waits;
  while (waits.size() < 7) {
    state.record_outage(kDown, now, settings);
    EXPECT_EQ(use(), LeaseUse::Bridging);
    auto missed = now;
    while (!due()) now += 100ms;
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now - missed));
  }
  EXPECT_EQ(waits, (std::vector<std::chrono::milliseconds>{1s, 2s, 4s, 8s, 16s, 30s, 30s}));
  now = start + 1h;
  EXPECT_EQ(use(), LeaseUse::Gone);
  EXPECT_FALSE(due());
}

TEST_F(KeyVersionStateTest, AnOutageThatNobodyLookedIntoForSoftIsNotBridged) {
  prove();
  state.record_outage(kDown, now, settings);
  now += 60s + renewal_slack(ages);
  EXPECT_EQ(use(), LeaseUse::Stale);
}

TEST_F(KeyVersionStateTest, AllButOneGetTheRememberedOutage) {
  state.record_outage(kDown, now, settings);
  auto known = state.cached_failure(now);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->code, ErrorCode::KeyUnreachable);
  EXPECT_EQ(known->retry_after, 1s);
  now += 1s;
  EXPECT_FALSE(state.cached_failure(now)) << "one may try";
  EXPECT_TRUE(state.cached_failure(now)) << "and the others not";
  now += 1s;
  state.begin_renewal(now, settings);
  EXPECT_TRUE(state.cached_failure(now)) << "a renewal is trying";
}

TEST_F(KeyVersionStateTest, ARetryAfterIsKeptWithinReason) {
  auto throttled = kDown;
  throttled.retry_after = 20s;
  state.record_outage(throttled, now, settings);
  EXPECT_EQ(state.outage.next_try(), now + 20s);
  throttled.retry_after = 24h;
  state.record_outage(throttled, now, settings);
  EXPECT_EQ(state.outage.next_try(), now + 60s);
}

TEST_F(KeyVersionStateTest, ARefusalEndsTheLeaseAndIsProbedEverMoreSlowlyWhileSomebodyAsks) {
  prove();
  state.record_refusal(kDenied, now, settings);
  EXPECT_EQ(use(), LeaseUse::Gone);
  now += 10s;
  EXPECT_FALSE(state.probe_due(now)) << "nobody asked";
  std::vector<std::chrono::milliseconds> waits;
  state.refusal.clear();
  state.record_refusal(kDenied, now, settings);
  while (waits.size() < 5) {
    auto refused = now;
    ASSERT_TRUE(state.cached_failure(now));
    while (!state.probe_due(now)) now += 1s;
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now - refused));
    state.begin_renewal(now, settings);
    EXPECT_TRUE(state.cached_failure(now + 100s)) << "answered from memory while the probe is on its way";
    state.record_refusal(kDenied, now, settings);
    state.renewing_since.reset();
  }
  EXPECT_EQ(waits, (std::vector<std::chrono::milliseconds>{10s, 20s, 40s, 60s, 60s}));
  prove();
  EXPECT_FALSE(state.cached_failure(now));
  EXPECT_EQ(use(), LeaseUse::Fresh);
}

TEST_F(KeyVersionStateTest, ARefusalThatNobodyProbedIsAskedIntoByOneRequest) {
  state.record_refusal(kDenied, now, settings);
  now += 10s;
  EXPECT_TRUE(state.cached_failure(now)) << "left to the probe";
  now += 1s;
  EXPECT_FALSE(state.cached_failure(now));
  EXPECT_TRUE(state.cached_failure(now));
}

}  // namespace
}  // namespace latchkey::keyring
