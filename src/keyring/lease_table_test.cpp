#include "keyring/lease_table.hpp"

#include <gtest/gtest.h>

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;

class LeaseTableTest : public ::testing::Test {
 protected:
  static RawId raw(std::uint8_t number) {
    RawId id{};
    id[0] = number;
    return id;
  }
  static LeaseId lease(std::uint8_t number, std::uint8_t compartment = 1) {
    LeaseId id{{}, raw(number)};
    id.compartment.data[0] = compartment;
    return id;
  }
  static std::shared_ptr<const envelope::DataKey> key(std::uint8_t number) {
    return std::make_shared<const envelope::DataKey>(
        envelope::DataKey::create(raw(number), crypto::SecretBytes(32)).value());
  }
  void hold(std::uint8_t number, const KeyVersionId& version) {
    ASSERT_TRUE(table.insert(table.begin(version, now), lease(number), key(number), now));
  }
  static Error denied() { return {ErrorCode::KeyDenied, "disabled", "key_disabled"}; }

  LeaseTable table{{60s, 1h, 2s, 3}};
  SteadyTime now{100h};
  KeyVersionId a1{"ekey_a", "v1"};
  KeyVersionId a2{"ekey_a", "v2"};
  KeyVersionId b1{"ekey_b", "v1"};
};

TEST_F(LeaseTableTest, ALeaseIsFreshThenOldThenGone) {
  hold(1, a1);
  auto found = table.find(lease(1), now + 60s - 1ns);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->fresh);
  EXPECT_EQ(found->expires_at, now + 1h);
  found = table.find(lease(1), now + 60s);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->fresh);
  EXPECT_FALSE(found->bridging);
  EXPECT_TRUE(table.find(lease(1), now + 1h - 1ns));
  EXPECT_FALSE(table.find(lease(1), now + 1h));
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(LeaseTableTest, AnotherCompartmentsLeaseIsNotFound) {
  hold(1, a1);
  EXPECT_FALSE(table.find(lease(1, 2), now));
  EXPECT_FALSE(table.find(lease(2, 1), now));
}

TEST_F(LeaseTableTest, OneProofRenewsEveryLeaseOfThatVersion) {
  hold(1, a1);
  hold(2, a1);
  hold(3, b1);
  auto later = now + 90s;
  EXPECT_TRUE(table.prove(table.begin(a1, later)));
  EXPECT_TRUE(table.find(lease(1), later)->fresh);
  EXPECT_TRUE(table.find(lease(2), later)->fresh);
  EXPECT_EQ(table.find(lease(2), later)->expires_at, later + 1h);
  EXPECT_FALSE(table.find(lease(3), later)->fresh);
}

TEST_F(LeaseTableTest, AVersionSpeaksForItselfAlone) {
  hold(1, a1);
  hold(2, a2);
  auto later = now + 90s;
  EXPECT_TRUE(table.prove(table.begin(a2, later)));
  EXPECT_FALSE(table.find(lease(1), later)->fresh);
}

TEST_F(LeaseTableTest, TheAgeCountsFromTheQuestionNotTheAnswer) {
  auto ticket = table.begin(a1, now);
  auto end = table.insert(ticket, lease(1), key(1), now + 30s);
  ASSERT_TRUE(end);
  EXPECT_EQ(*end, now + 1h);
  EXPECT_FALSE(table.find(lease(1), now + 61s)->fresh);
}

TEST_F(LeaseTableTest, AnOlderProofDoesNotAge) {
  auto early = table.begin(a1, now);
  EXPECT_TRUE(table.prove(table.begin(a1, now + 10s)));
  EXPECT_EQ(table.insert(early, lease(1), key(1), now + 11s), now + 10s + 1h);
}

TEST_F(LeaseTableTest, ARefusalDropsEveryVersionOfThatKeyAndIsRemembered) {
  hold(1, a1);
  hold(2, a2);
  hold(3, b1);
  std::weak_ptr<const envelope::DataKey> dropped = table.find(lease(1), now)->key;
  table.refuse(table.begin(a1, now), denied(), now);
  EXPECT_TRUE(dropped.expired());
  EXPECT_FALSE(table.find(lease(1), now));
  EXPECT_FALSE(table.find(lease(2), now));
  EXPECT_TRUE(table.find(lease(3), now));
  ASSERT_TRUE(table.refusal(a1, now + 2s - 1ns));
  EXPECT_EQ(table.refusal(a1, now)->reason, "key_disabled");
  EXPECT_FALSE(table.refusal(a2, now));
  EXPECT_FALSE(table.refusal(b1, now));
  EXPECT_FALSE(table.refusal(a1, now + 2s));
}

TEST_F(LeaseTableTest, AnswersFromBeforeARefusalOrAnEvictionAreVoid) {
  auto before = table.begin(a1, now);
  table.refuse(table.begin(a1, now), denied(), now);
  EXPECT_FALSE(table.insert(before, lease(1), key(1), now));
  EXPECT_FALSE(table.prove(before));
  auto again = table.begin(a1, now);
  table.evict("ekey_a");
  EXPECT_FALSE(table.insert(again, lease(1), key(1), now));
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(LeaseTableTest, EvictionForgetsRefusalsToo) {
  table.refuse(table.begin(a1, now), denied(), now);
  table.refuse_wrapping("ekey_a", denied(), now);
  table.evict("ekey_a");
  EXPECT_FALSE(table.refusal(a1, now));
  EXPECT_FALSE(table.wrapping_refusal("ekey_a", now));
}

TEST_F(LeaseTableTest, ARefusedWrapLeavesLeasesAlone) {
  hold(1, a1);
  table.refuse_wrapping("ekey_a", denied(), now);
  EXPECT_TRUE(table.find(lease(1), now));
  EXPECT_TRUE(table.wrapping_refusal("ekey_a", now + 1s));
  EXPECT_FALSE(table.wrapping_refusal("ekey_a", now + 2s));
}

TEST_F(LeaseTableTest, AnOutageIsBridgedForAWhileBetweenQuestions) {
  hold(1, a1);
  auto later = now + 61s;
  table.miss(table.begin(a1, later), later);
  auto found = table.find(lease(1), later + 1s);
  EXPECT_TRUE(found->bridging);
  EXPECT_FALSE(found->ask_again);
  found = table.find(lease(1), later + 2s);
  EXPECT_TRUE(found->bridging);
  EXPECT_TRUE(found->ask_again);
  EXPECT_FALSE(table.find(lease(1), later + 60s)->bridging);
  EXPECT_TRUE(table.prove(table.begin(a1, later)));
  EXPECT_TRUE(table.find(lease(1), later + 1s)->fresh);
}

TEST_F(LeaseTableTest, TheLeastRecentlyUsedGoesFirst) {
  hold(1, a1);
  hold(2, a1);
  hold(3, a1);
  EXPECT_TRUE(table.find(lease(1), now));
  hold(4, a1);
  EXPECT_EQ(table.size(), 3U);
  EXPECT_TRUE(table.find(lease(1), now));
  EXPECT_FALSE(table.find(lease(2), now));
}

TEST_F(LeaseTableTest, HoldingTheSameLeaseTwiceIsOne) {
  hold(1, a1);
  hold(1, a1);
  EXPECT_EQ(table.size(), 1U);
}

TEST_F(LeaseTableTest, WhoHoldsADroppedKeyStillHasIt) {
  hold(1, a1);
  auto held = table.find(lease(1), now)->key;
  table.evict("ekey_a");
  EXPECT_EQ(held->id(), raw(1));
}

TEST_F(LeaseTableTest, KeysPastHardAreWipedWithoutBeingAskedFor) {
  hold(1, a1);
  std::weak_ptr<const envelope::DataKey> old = table.find(lease(1), now)->key;
  now += 1h - 1s;
  table.wipe_expired(now);
  EXPECT_FALSE(old.expired());
  now += 60s;
  table.wipe_expired(now);
  EXPECT_TRUE(old.expired());
}

TEST_F(LeaseTableTest, AHintIsAsOldAsSoftAtMost) {
  Uuid compartment{};
  table.set_active(compartment, "ekey_a", raw(7), now);
  EXPECT_EQ(table.active(compartment, "ekey_a", now + 59s), raw(7));
  EXPECT_FALSE(table.active(compartment, "ekey_b", now));
  EXPECT_FALSE(table.active(compartment, "ekey_a", now + 60s));
}

TEST_F(LeaseTableTest, HardEqualToSoftBridgesNothing) {
  LeaseTable strict{{60s, 60s, 2s, 10}};
  ASSERT_TRUE(strict.insert(strict.begin(a1, now), lease(1), key(1), now));
  EXPECT_TRUE(strict.find(lease(1), now + 60s - 1ns)->fresh);
  EXPECT_FALSE(strict.find(lease(1), now + 60s));
}

}  // namespace
}  // namespace latchkey::keyring
