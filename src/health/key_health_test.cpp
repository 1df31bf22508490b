#include "health/key_health.hpp"

#include <gtest/gtest.h>

#include "kms/reasons.hpp"
#include "store/names.hpp"
#include "testing/reasons.hpp"

namespace latchkey::health {
namespace {

using std::chrono::seconds;

const Timestamp kStart = parse_timestamp("2026-08-10T08:00:00Z").value();
const Error kRoleGone{ErrorCode::KeyDenied, "the role is gone", kms::reason::kRoleMissing, "Give it back"};
const Error kFirewall{ErrorCode::NetworkBlocked, "the firewall", latchkey::testing::kVaultFirewall, "Open it"};
const Error kExpired{ErrorCode::KeyDenied, "it expired", kms::reason::kKeyExpired, "Move it"};
const Error kThrottled{ErrorCode::KeyUnreachable, "too many", kms::reason::kThrottled};
const Error kTimeout{ErrorCode::KeyUnreachable, "no response", kms::reason::kTimedOut};
const Error kMismatch{ErrorCode::Corrupt, "not the same", kms::reason::kRoundTripMismatch};

// An event, how long after the step before it comes, and the state that it leads to.
struct Step {
  int wait;
  char what;  // P proved, R round trip, D denied, N network, W wrap refused, T throttled, U time-out, C corrupt
  State expected;
  int count = 1;
};

KeyEvent event_of(const Step& step, Timestamp at) {
  using Kind = KeyEvent::Kind;
  switch (step.what) {
    case 'P':
      return {Kind::Unwrapped, at, {}, step.count, at};
    case 'R':
      return {Kind::RoundTrip, at, {}, step.count, at};
    case 'D':
      return {Kind::Failed, at, kRoleGone, step.count, at};
    case 'N':
      return {Kind::Failed, at, kFirewall, step.count, at};
    case 'W':
      return {Kind::WrapRefused, at, kExpired, step.count, at};
    case 'T':
      return {Kind::Failed, at, kThrottled, step.count, at};
    case 'U':
      return {Kind::Failed, at, kTimeout, step.count, at};
    case 'C':
      return {Kind::Failed, at, kMismatch, step.count, at};
    default:
      ADD_FAILURE() << step.what;
      return {};
  }
}

KeyHealth fresh(State state = State::Unknown) {
  KeyHealth health;
  health.row.external_key_id = "ekey_1";
  health.row.state = state;
  health.row.since = kStart;
  return health;
}

struct Case {
  std::string name;
  State from;
  std::vector<Step> steps;
};

constexpr auto kU = State::Unknown;
constexpr auto kH = State::Healthy;
constexpr auto kDeg = State::Degraded;
constexpr auto kRef = State::Refused;
constexpr auto kUn = State::Unreachable;

// 2 failures degrade, 3 in a row over 120 s are unreachable, 60 s without one settle.
const std::vector<Case> kCases{
    {"a first proof is health", kU, {{0, 'P', kH}}},
    {"a first round trip is health", kU, {{0, 'R', kH}}},
    {"a first refusal counts", kU, {{0, 'D', kRef}}},
    {"a first failure says nothing", kU, {{0, 'U', kU}, {5, 'U', kDeg}}},
    {"one refusal is enough", kH, {{0, 'D', kRef}}},
    {"so is the network's", kH, {{0, 'N', kRef}}},
    {"one proof ends a refusal", kH, {{0, 'D', kRef}, {1, 'P', kH}, {1, 'D', kRef}, {1, 'R', kH}}},
    {"an outage does not end a refusal", kH, {{0, 'D', kRef}, {100, 'U', kRef}, {200, 'U', kRef}, {1, 'P', kH}}},
    {"nor is one counted into what follows", kRef, {{0, 'U', kRef, 9}, {300, 'P', kH}, {1, 'U', kH}}},
    {"one failure in a while is nothing", kH, {{0, 'U', kH}, {60, 'P', kH}, {1, 'U', kH}, {60, 'P', kH}}},
    {"two among successes degrade", kH, {{0, 'T', kH}, {5, 'P', kH}, {5, 'T', kDeg}, {5, 'P', kDeg}}},
    {"a burst degrades and is no outage yet", kH, {{0, 'U', kDeg, 500}, {119, 'U', kDeg}, {1, 'U', kUn}}},
    {"time alone is no outage", kH, {{0, 'U', kH}, {500, 'U', kDeg}, {1, 'U', kUn}}},
    {"a response in between begins the row anew",
     kH,
     {{0, 'U', kH}, {60, 'U', kDeg}, {1, 'P', kDeg}, {59, 'U', kDeg}, {60, 'U', kDeg}, {60, 'U', kUn}}},
    {"it settles before it is healthy", kH, {{0, 'U', kDeg, 2}, {30, 'P', kDeg}, {29, 'P', kDeg}, {1, 'P', kH}}},
    {"a flap does not wake anybody",
     kH,
     {{0, 'U', kDeg, 2}, {40, 'P', kDeg}, {10, 'U', kDeg}, {40, 'P', kDeg}, {10, 'U', kDeg}, {60, 'P', kH}}},
    {"out of an outage by way of degraded", kUn, {{0, 'U', kUn}, {10, 'P', kDeg}, {10, 'P', kDeg}, {40, 'P', kH}}},
    {"and back into it no faster than the first time",
     kUn,
     {{0, 'U', kUn}, {1, 'P', kDeg}, {1, 'U', kDeg, 5}, {119, 'U', kDeg}, {1, 'U', kUn}}},
    {"an outage can end in a refusal", kUn, {{0, 'D', kRef}}},
    {"what wraps nothing is degraded at once", kH, {{0, 'W', kDeg}}},
    {"and an unwrap is no cure for it", kH, {{0, 'W', kDeg}, {600, 'P', kDeg}, {600, 'R', kH}}},
    {"nor does it hide a refusal", kH, {{0, 'W', kDeg}, {1, 'D', kRef}}},
    {"nor an outage", kH, {{0, 'W', kDeg}, {1, 'U', kDeg, 2}, {60, 'U', kDeg}, {60, 'U', kUn}}},
    {"it ends a refusal, to half", kRef, {{0, 'W', kDeg}}},
    {"what came back wrong is no refusal", kH, {{0, 'C', kH}, {1, 'C', kDeg}}},
    {"degraded from before a restart settles", kDeg, {{30, 'P', kDeg}, {30, 'P', kH}}},
    {"a suspended key hears nothing", State::Suspended, {{0, 'P', State::Suspended}, {1, 'D', State::Suspended}}},
};

TEST(KeyHealth, FollowsTheEvents) {
  for (const auto& c : kCases) {
    auto health = fresh(c.from);
    auto now = kStart;
    auto since = kStart;
    auto state = c.from;
    for (std::size_t i = 0; i < c.steps.size(); ++i) {
      now += seconds(c.steps[i].wait);
      health = after(std::move(health), event_of(c.steps[i], now), {});
      if (health.row.state != state) since = now;
      state = health.row.state;
      EXPECT_EQ(to_text(state), to_text(c.steps[i].expected)) << c.name << ", step " << i;
      EXPECT_EQ(health.row.since, since) << c.name << ", step " << i;
    }
  }
}

TEST(KeyHealth, SaysWhyAndWhen) {
  auto health = after(fresh(), event_of({0, 'P', kH}, kStart), {});
  EXPECT_EQ(health.row.last_success_at, kStart);
  EXPECT_EQ(health.row.last_checked_at, kStart);
  EXPECT_EQ(health.row.reason, "");

  health = after(health, event_of({0, 'D', kRef}, kStart + seconds(5)), {});
  EXPECT_EQ(health.row.reason, "role_missing");
  EXPECT_EQ(health.row.cause, "the role is gone");
  EXPECT_EQ(health.row.cure, "Give it back");
  EXPECT_EQ(health.row.last_success_at, kStart);
  EXPECT_EQ(health.row.last_checked_at, kStart + seconds(5));

  // Another reason for the same state: told, and no new beginning.
  health = after(health, event_of({0, 'N', kRef}, kStart + seconds(9)), {});
  EXPECT_EQ(health.row.reason, "vault_firewall");
  EXPECT_EQ(health.row.since, kStart + seconds(5));

  health = after(health, event_of({0, 'P', kH}, kStart + seconds(20)), {});
  EXPECT_EQ(health.row.reason + health.row.cause + health.row.cure, "");
}

TEST(KeyHealth, NewsThatComeLateDoNotTurnTheClockBack) {
  auto health = after(fresh(), event_of({0, 'P', kH}, kStart + seconds(9)), {});
  health = after(health, event_of({0, 'P', kH}, kStart), {});
  EXPECT_EQ(health.row.last_success_at, kStart + seconds(9));
  EXPECT_EQ(health.row.last_checked_at, kStart + seconds(9));
}

TEST(KeyHealth, AnnouncesFailuresAndTheOneRecovery) {
  struct Told {
    State to;
    Announcement expected;
    bool alarmed;
  };
  using A = Announcement;
  auto previous = fresh().row;
  for (auto [to, expected, alarmed] : {Told{kH, A::None, false},
                                       {kDeg, A::None, false},
                                       {kH, A::None, false},
                                       {kRef, A::Failed, true},
                                       {kRef, A::None, true},
                                       {kDeg, A::None, true},
                                       {kUn, A::Failed, true},
                                       {State::Suspended, A::Failed, true},
                                       {kU, A::None, true},
                                       {kH, A::Recovered, false},
                                       {kUn, A::Failed, true},
                                       {kDeg, A::None, true},
                                       {kH, A::Recovered, false}}) {
    auto current = previous;
    current.state = to;
    EXPECT_EQ(announce(previous, current), expected) << to_text(to);
    EXPECT_EQ(current.alarmed, alarmed) << to_text(to);
    previous = current;
  }
}

}  // namespace
}  // namespace latchkey::health
