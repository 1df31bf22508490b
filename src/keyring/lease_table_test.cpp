#include "keyring/lease_table.hpp"

#include <gtest/gtest.h>

#include "kms/reasons.hpp"

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
    ASSERT_TRUE(table.insert(table.begin(version, now), compartment(), ages, key(number)));
  }
  static Compartment compartment(std::uint8_t number = 1) {
    Compartment made{};
    made.id.data[0] = number;
    return made;
  }
  [[nodiscard]] auto find(std::uint8_t number, AgeTime when) { return table.find(lease(number), ages, when); }
  [[nodiscard]] LeaseUse use(std::uint8_t number, AgeTime when) {
    auto found = find(number, when);
    return found ? found->use : LeaseUse::Gone;
  }
  void prove(const KeyVersionId& version, AgeTime when) {
    ASSERT_TRUE(table.insert(table.begin(version, when), compartment(9), ages, key(99)));
  }
  void refuse(const KeyVersionId& version) {
    table.record_refusal(table.begin(version, now), compartment(), raw(1), denied(), now);
  }
  static Error denied() { return {ErrorCode::KeyDenied, "disabled", kms::reason::kKeyDisabled}; }

  LeaseAges ages{60s, 1h};
  LeaseTable table{{{{10s, 60s}, {1s, 30s}}, 4, [] { return 0.999; }}};
  AgeTime now{100h};
  KeyVersionId a1{"ekey_a", "v1"};
  KeyVersionId a2{"ekey_a", "v2"};
  KeyVersionId b1{"ekey_b", "v1"};
};

TEST_F(LeaseTableTest, ALeaseIsFreshThenOldThenGone) {
  hold(1, a1);
  EXPECT_EQ(use(1, now + 59s), LeaseUse::Fresh);
  EXPECT_EQ(find(1, now)->proven_at, now);
  EXPECT_EQ(use(1, now + 62s), LeaseUse::Stale);
  EXPECT_EQ(use(1, now + 1h - 1ns), LeaseUse::Stale);
  EXPECT_EQ(use(1, now + 1h), LeaseUse::Gone);
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(LeaseTableTest, AnotherCompartmentsLeaseIsNotFound) {
  hold(1, a1);
  EXPECT_FALSE(table.find(lease(1, 2), ages, now));
  EXPECT_FALSE(table.find(lease(2, 1), ages, now));
}

TEST_F(LeaseTableTest, OneProofRenewsEveryLeaseOfThatVersion) {
  hold(1, a1);
  hold(2, a1);
  hold(3, b1);
  auto later = now + 90s;
  prove(a1, later);
  EXPECT_EQ(use(1, later), LeaseUse::Fresh);
  EXPECT_EQ(find(2, later)->proven_at, later);
  EXPECT_EQ(use(3, later), LeaseUse::Stale);
}

TEST_F(LeaseTableTest, AVersionSpeaksForItselfAlone) {
  hold(1, a1);
  hold(2, a2);
  prove(a2, now + 90s);
  EXPECT_EQ(use(1, now + 90s), LeaseUse::Stale);
}

TEST_F(LeaseTableTest, AnOlderProofDoesNotAge) {
  auto early = table.begin(a1, now);
  prove(a1, now + 10s);
  EXPECT_EQ(table.insert(early, compartment(), ages, key(1)), now + 10s);
}

TEST_F(LeaseTableTest, EveryLeaseOfAVersionRidesOnItsLatestProof) {
  auto id = [](const char* text) { return std::make_shared<const std::string>(text); };
  auto early = table.begin(a1, now);
  auto late = table.begin(a1, now + 1s);
  ASSERT_TRUE(table.insert(table.begin(a2, now), compartment(), ages, key(3), id("of a2")));
  ASSERT_TRUE(table.insert(late, compartment(), ages, key(1), id("late")));
  ASSERT_TRUE(table.insert(early, compartment(), ages, key(2), id("early")));
  EXPECT_EQ(*find(1, now + 2s)->kms_request_id, "late");
  EXPECT_EQ(*find(2, now + 2s)->kms_request_id, "late");
  ASSERT_TRUE(table.insert(table.begin(a1, now + 30s), compartment(), ages, key(2), id("renewal")));
  EXPECT_EQ(*find(1, now + 31s)->kms_request_id, "renewal");
  EXPECT_EQ(*find(3, now + 31s)->kms_request_id, "of a2");
}

TEST_F(LeaseTableTest, OneCallerIsToldToRenewAndTheLeaseServesMeanwhile) {
  hold(1, a1);
  EXPECT_FALSE(find(1, now + 50s)->renew);
  auto first = find(1, now + 60s);
  EXPECT_TRUE(first->renew);
  EXPECT_EQ(first->use, LeaseUse::Awaiting);
  auto second = find(1, now + 65s);
  EXPECT_FALSE(second->renew);
  EXPECT_EQ(second->use, LeaseUse::Awaiting);
  table.end_renewal(a1);
  EXPECT_EQ(use(1, now + 66s), LeaseUse::Stale);
}

TEST_F(LeaseTableTest, KeysInUseAreDueAndIdleOnesAreNot) {
  hold(1, a1);
  hold(2, b1);
  (void)find(2, now + 1s);
  EXPECT_TRUE(table.take_due(ages, 10, now + 59s).empty());
  auto due = table.take_due(ages, 10, now + 60s);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].version, b1);
  EXPECT_EQ(due[0].data_key, raw(2));
  EXPECT_TRUE(table.take_due(ages, 10, now + 60s).empty()) << "it has been begun";
}

TEST_F(LeaseTableTest, TheyAreTakenAFewAtATimeAndNoneIsForgotten) {
  hold(1, a1);
  hold(2, b1);
  (void)find(1, now);
  (void)find(2, now);
  auto first = table.take_due(ages, 1, now + 60s);
  auto second = table.take_due(ages, 1, now + 60s);
  ASSERT_EQ(first.size() + second.size(), 2U);
  EXPECT_NE(first[0].version, second[0].version);
  EXPECT_TRUE(table.take_due(ages, 1, now + 60s).empty());
  table.end_renewal(a1);
  EXPECT_TRUE(table.take_due(ages, 1, now + 60s).empty()) << "it ended without an answer a moment ago";
  EXPECT_EQ(table.take_due(ages, 1, now + 61s).size(), 1U);
}

TEST_F(LeaseTableTest, AnOrganisationsOwnAgesCount) {
  auto strict = compartment();
  strict.ages = LeaseAges{5s, 10s};
  ASSERT_TRUE(table.insert(table.begin(a1, now), strict, *strict.ages, key(1)));
  (void)table.find(lease(1), *strict.ages, now);
  EXPECT_EQ(table.take_due(ages, 10, now + 5s).size(), 1U);
  table.wipe_expired(ages, now + 10s);
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(LeaseTableTest, ARefusalDropsEveryVersionOfThatKeyAndIsRemembered) {
  hold(1, a1);
  hold(2, a2);
  hold(3, b1);
  std::weak_ptr<const envelope::DataKey> dropped = find(1, now)->key;
  refuse(a1);
  EXPECT_TRUE(dropped.expired());
  EXPECT_FALSE(find(1, now));
  EXPECT_FALSE(find(2, now));
  EXPECT_TRUE(find(3, now));
  EXPECT_EQ(table.cached_failure(a1, now)->reason, "key_disabled");
  EXPECT_FALSE(table.cached_failure(a2, now));
  EXPECT_FALSE(table.cached_failure(b1, now));
}

TEST_F(LeaseTableTest, ARefusedKeyIsDueForAProbeWithTheDataKeyThatMetTheRefusal) {
  refuse(a1);
  EXPECT_TRUE(table.cached_failure(a1, now));
  EXPECT_TRUE(table.take_due(ages, 10, now + 9s).empty());
  auto due = table.take_due(ages, 10, now + 10s);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].data_key, raw(1));
  EXPECT_TRUE(table.cached_failure(a1, now + 30s)) << "the probe is on its way";
}

TEST_F(LeaseTableTest, ResponsesFromBeforeARefusalOrAnEvictionAreVoid) {
  auto before = table.begin(a1, now);
  refuse(a1);
  EXPECT_FALSE(table.insert(before, compartment(), ages, key(1)));
  auto again = table.begin(a1, now);
  table.evict("ekey_a");
  EXPECT_FALSE(table.insert(again, compartment(), ages, key(1)));
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(LeaseTableTest, EvictionForgetsRefusalsToo) {
  refuse(a1);
  table.note_wrapping("ekey_a", denied(), now);
  table.evict("ekey_a");
  EXPECT_FALSE(table.cached_failure(a1, now));
  EXPECT_FALSE(table.cached_wrapping_failure("ekey_a", now));
}

TEST_F(LeaseTableTest, ARefusedWrapLeavesLeasesAlone) {
  hold(1, a1);
  table.note_wrapping("ekey_a", denied(), now);
  EXPECT_TRUE(find(1, now));
  EXPECT_TRUE(table.cached_wrapping_failure("ekey_a", now + 9s));
  EXPECT_FALSE(table.cached_wrapping_failure("ekey_a", now + 10s)) << "one may try";
  EXPECT_TRUE(table.cached_wrapping_failure("ekey_a", now + 10s));
  table.clear_wrapping("ekey_a");
  EXPECT_FALSE(table.cached_wrapping_failure("ekey_a", now + 10s));
}

TEST_F(LeaseTableTest, TheLeastRecentlyUsedGoesFirst) {
  for (std::uint8_t number = 1; number <= 4; ++number) hold(number, a1);
  EXPECT_TRUE(find(1, now));
  hold(5, a1);
  EXPECT_EQ(table.size(), 4U);
  EXPECT_TRUE(find(1, now));
  EXPECT_FALSE(find(2, now));
}

TEST_F(LeaseTableTest, HoldingTheSameLeaseTwiceIsOne) {
  hold(1, a1);
  hold(1, a1);
  EXPECT_EQ(table.size(), 1U);
}

TEST_F(LeaseTableTest, WhoHoldsADroppedKeyStillHasIt) {
  hold(1, a1);
  auto held = find(1, now)->key;
  table.evict("ekey_a");
  EXPECT_EQ(held->id(), raw(1));
}

TEST_F(LeaseTableTest, KeysPastHardAreWipedWithoutBeingAskedFor) {
  hold(1, a1);
  std::weak_ptr<const envelope::DataKey> old = find(1, now)->key;
  table.wipe_expired(ages, now + 1h - 60s);
  EXPECT_FALSE(old.expired());
  table.wipe_expired(ages, now + 1h);
  EXPECT_TRUE(old.expired());
}

TEST_F(LeaseTableTest, WhatGoesAfterASecondIsWipedAfterASecond) {
  hold(2, a1);
  auto strict = compartment();
  strict.ages = LeaseAges{1s, 1s};
  KeyVersionId own{"ekey_strict", "v1"};
  ASSERT_TRUE(table.insert(table.begin(own, now), strict, *strict.ages, key(1)));
  table.wipe_expired(ages, now + 10ms);
  EXPECT_EQ(table.size(), 2U);
  table.wipe_expired(ages, now + 1010ms);
  EXPECT_EQ(table.size(), 1U) << "whatever the server's own ages are";
}

TEST_F(LeaseTableTest, AHintIsAsOldAsSoftAtMost) {
  auto place = compartment();
  place.external_key_id = "ekey_a";
  table.set_active(place, raw(7), now);
  EXPECT_EQ(table.active(place, ages, now + 59s), raw(7));
  EXPECT_FALSE(table.active(compartment(2), ages, now));
  EXPECT_FALSE(table.active(place, ages, now + 60s));
}

TEST_F(LeaseTableTest, TheLeaseThatEncryptsIsFoundByItsCompartment) {
  auto place = compartment();
  place.external_key_id = "ekey_a";
  hold(7, a1);
  EXPECT_FALSE(table.find_active(place, ages, now)) << "nobody knows yet which one encrypts";
  table.set_active(place, raw(7), now);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(table.find_active(place, ages, now).value().key->id(), raw(7));
  auto under_another_key = place;
  under_another_key.external_key_id = "ekey_b";
  EXPECT_FALSE(table.find_active(under_another_key, ages, now));
  table.evict("ekey_a");
  EXPECT_FALSE(table.find_active(place, ages, now)) << "what was found before is gone, and so is where it lay";
}

}  // namespace
}  // namespace latchkey::keyring
