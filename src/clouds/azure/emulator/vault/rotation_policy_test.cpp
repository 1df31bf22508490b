#include "clouds/azure/emulator/vault/rotation_policy.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace latchkey::clouds::azure::emulator {
namespace {

namespace json = boost::json;

constexpr Seconds kDay = 86400;
constexpr Seconds kJune = 1'780'272'000;  // 2026-06-01

Outcome<RotationPolicy> read(const char* text) {
  return read_rotation_policy(json::parse(text).as_object(), kJune);
}

Key key_with(const char* policy, Seconds created = kJune) {
  KeyVersion version;
  version.created = created;
  Key key{"k", {version}};
  key.rotation = read(policy).value();
  return key;
}

TEST(Durations, AreWholeYearsMonthsAndDays) {
  auto duration = parse_duration("P1Y2M10D");
  ASSERT_TRUE(duration);
  EXPECT_EQ(duration->years, 1);
  EXPECT_EQ(duration->months, 2);
  EXPECT_EQ(duration->days, 10);
  EXPECT_EQ(parse_duration("P18M")->months, 18);
  for (auto bad : {"", "P", "P1", "1Y", "PT1H", "P1H", "P-1D", "P1D1Y", "P1Y1Y", "p1d", "P99999Y", "P1.5D", "P1DT"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Durations, FollowTheCalendar) {
  constexpr Seconds kJanuary31 = 1'769'817'600;  // 2026-01-31
  EXPECT_EQ(add(kJanuary31, {0, 1, 0}), kJanuary31 + 28 * kDay);
  EXPECT_EQ(add(kJanuary31 + 5, {1, 0, 0}), kJanuary31 + 365 * kDay + 5);
  EXPECT_EQ(subtract(kJune, {0, 1, 1}), kJune - 32 * kDay);
}

TEST(RotationPolicy, IsShownAsTheServiceShowsIt) {
  auto policy = read(R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P2M"},"action":{"type":"Rotate"}}],
                         "attributes":{"expiryTime":"P90D"}})");
  ASSERT_TRUE(policy);
  EXPECT_EQ(json::serialize(show_rotation_policy(policy.value(), "https://v/keys/k/rotationpolicy")),
            R"({"id":"https://v/keys/k/rotationpolicy","lifetimeActions":[)"
            R"({"trigger":{"timeAfterCreate":"P2M"},"action":{"type":"Rotate"}},)"
            R"({"trigger":{"timeBeforeExpiry":"P30D"},"action":{"type":"Notify"}}],)"
            R"("attributes":{"expiryTime":"P90D","created":1780272000,"updated":1780272000}})");
  EXPECT_EQ(json::serialize(show_rotation_policy(std::nullopt, "i")),
            R"({"id":"i","lifetimeActions":[{"trigger":{"timeBeforeExpiry":"P30D"},"action":{"type":"Notify"}}],)"
            R"("attributes":{}})");
  EXPECT_EQ(read("{}").value().actions.size(), 1U);
}

TEST(RotationPolicy, RefusesWhatTheServiceDoes) {
  for (auto text : {
           R"({"attributes":{"expiryTime":"P27D"}})",
           R"({"attributes":{"expiryTime":"soon"}})",
           R"({"lifetimeActions":{}})",
           R"({"lifetimeActions":[7]})",
           R"({"lifetimeActions":[{"action":{"type":"Rotate"}}]})",
           R"({"lifetimeActions":[{"trigger":{},"action":{"type":"Rotate"}}]})",
           R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P6D"},"action":{"type":"Rotate"}}]})",
           R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P30D"},"action":{"type":"Notify"}}]})",
           R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P30D"},"action":{"type":"Explode"}}]})",
           R"({"lifetimeActions":[{"trigger":{"timeBeforeExpiry":"P30D"},"action":{"type":"Rotate"}}]})",
           R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P9D","timeBeforeExpiry":"P9D"},
               "action":{"type":"Rotate"}}]})",
           R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P85D"},"action":{"type":"Rotate"}}],
               "attributes":{"expiryTime":"P90D"}})",
           R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P9D"},"action":{"type":"Rotate"}},
               {"trigger":{"timeAfterCreate":"P8D"},"action":{"type":"rotate"}}]})",
       }) {
    auto policy = read(text);
    ASSERT_FALSE(policy) << text;
    EXPECT_EQ(policy.error().code, "BadParameter");
  }
}

TEST(Rotations, AreDueAfterCreationAgainAndAgain) {
  auto key = key_with(R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P30D"},"action":{"type":"Rotate"}}]})");
  EXPECT_TRUE(due_rotations(key, kJune + 30 * kDay - 1, 12).empty());
  EXPECT_EQ(due_rotations(key, kJune + 30 * kDay, 12), std::vector<Seconds>{kJune + 30 * kDay});
  EXPECT_EQ(due_rotations(key, kJune + 90 * kDay, 2), (std::vector<Seconds>{kJune + 60 * kDay, kJune + 90 * kDay}));
  key.versions.back().enabled = false;
  EXPECT_TRUE(due_rotations(key, kJune + 90 * kDay, 2).empty());
}

TEST(Rotations, AreDueBeforeExpiryWhereThereIsOne) {
  auto key = key_with(R"({"lifetimeActions":[{"trigger":{"timeBeforeExpiry":"P30D"},"action":{"type":"Rotate"}}],
                          "attributes":{"expiryTime":"P90D"}})");
  EXPECT_TRUE(due_rotations(key, kJune + 1000 * kDay, 12).empty()) << "it does not expire";
  key.versions.back().expires = kJune + 40 * kDay;
  EXPECT_EQ(due_rotations(key, kJune + 75 * kDay, 12), (std::vector<Seconds>{kJune + 10 * kDay, kJune + 70 * kDay}));
}

TEST(Rotations, OfAnOldKeyBeginWithItsPolicy) {
  auto key = key_with(R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P30D"},"action":{"type":"Rotate"}}]})",
                      kJune - 400 * kDay);
  EXPECT_EQ(due_rotations(key, kJune, 12), std::vector<Seconds>{kJune});
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
