#include "clouds/azure/emulator/control/faults.hpp"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::clouds::azure::emulator {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

class NoChance final : public RandomSource {
 public:
  void fill(MutableBytes out) override { std::fill(out.begin(), out.end(), std::uint8_t{0x7f}); }
};

Result<Fault> read(std::string_view text) {
  return fault_from_json(json::parse(text).as_object());
}

TEST(Faults, WhatIsWrongIsNamed) {
  struct Case {
    std::string_view text;
    std::string_view complaint;
  };
  const Case kCases[] = {
      {R"({})", "kind: Input should be latency, error,"},
      {R"({"kind":"fire"})", "kind: Input should be latency, error,"},
      {R"({"kind":"reset","colour":"red"})", "colour: Extra inputs are not permitted"},
      {R"({"kind":"reset","service":"storage"})", "service: Input should be 'key_vault'"},
      {R"({"kind":"reset","share":1.5})", "share: Input should be a number from 0 to 1"},
      {R"({"kind":"reset","share":"all"})", "share: Input should be a number from 0 to 1"},
      {R"({"kind":"reset","count":0})", "count: Input should be a whole number from 1 to"},
      {R"({"kind":"reset","count":1.5})", "count: Input should be a whole number from 1 to"},
      {R"({"kind":"reset","seed":-1})", "seed: Input should be a whole number from 0"},
      {R"({"kind":"reset","vault":"no such name"})", "vault: Input should be the name of a vault"},
      {R"({"kind":"reset","vault":"contoso","service":"entra"})", "service: Input should be 'key_vault'"},
      {R"({"kind":"reset","operation":"KeyWarp"})", "operation: Input should be KeyCreate, "},
      {R"({"kind":"reset","operation":"Token","service":"graph"})", "operation: Input should be GET, "},
      {R"({"kind":"reset","operation":"KeyWrap","service":"entra"})", "operation: Input should be Token, Discovery"},
      {R"({"kind":"reset","ms":5})", "ms: Only faults of the kind 'latency' have it"},
      {R"({"kind":"latency","ms":5,"status":503})", "status: Only faults of the kind 'error' have it"},
      {R"({"kind":"latency","ms":5,"max_ms":9})", "max_ms: The distribution 'fixed' does not have it"},
      {R"({"kind":"latency","ms":600001})", "ms: Input should be a number from 0 to 600000"},
      {R"({"kind":"wrong_kid","service":"entra"})", "service: Input should be 'key_vault', where alone"},
      {R"({"kind":"wrong_kid","operation":"KeyVerify"})", "operation: Input should be KeyWrap, KeyUnwrap,"},
      {R"({"kind":"token_lifetime","seconds":1,"vault":"contoso"})", "vault: Entra gives tokens for all vaults"},
      {R"({"kind":"token_lifetime","seconds":1,"operation":"Discovery"})", "operation: Input should be Token"},
      {R"({"kind":"latency"})", "ms: Input should be a number"},
      {R"({"kind":"latency","ms":-1})", "ms: Input should be a number"},
      {R"({"kind":"latency","distribution":"uniform","min_ms":9,"max_ms":8})", "max_ms: Input should be a number"},
      {R"({"kind":"latency","distribution":"pareto"})", "distribution: Input should be 'fixed'"},
      {R"({"kind":"error"})", "status: Input should be a whole number from 400 to 599"},
      {R"({"kind":"error","status":200})", "status: Input should be a whole number from 400 to 599"},
      {R"({"kind":"error","status":503.5})", "status: Input should be a whole number from 400 to 599"},
      {R"({"kind":"error","status":503,"retry_after":"1\r\nx: y"})", "retry_after: Input should be seconds"},
      {R"({"kind":"trickle"})", "pause_ms: Input should be a whole number"},
      {R"({"kind":"token_lifetime"})", "seconds: Input should be a whole number"},
  };
  for (const auto& c : kCases) {
    auto fault = read(c.text);
    ASSERT_FALSE(fault) << c.text;
    EXPECT_EQ(fault.error().code, ErrorCode::Invalid);
    EXPECT_THAT(fault.error().message(), HasSubstr(c.complaint)) << c.text;
  }
}

TEST(Faults, LatencyIsDrawn) {
  struct Case {
    std::string_view text;
    std::int64_t least, most;
    double mean;
  };
  const Case kCases[] = {
      {R"({"kind":"latency","ms":250})", 250, 250, 250},
      {R"({"kind":"latency","distribution":"fixed","ms":0})", 0, 0, 0},
      {R"({"kind":"latency","distribution":"uniform","min_ms":100,"max_ms":200})", 100, 200, 150},
      {R"({"kind":"latency","distribution":"normal","mean_ms":400,"deviation_ms":0})", 400, 400, 400},
      {R"({"kind":"latency","distribution":"normal","mean_ms":400,"deviation_ms":50})", 100, 700, 400},
      // Never before it was asked.
      {R"({"kind":"latency","distribution":"normal","mean_ms":0,"deviation_ms":100})", 0, 600, 40},
  };
  constexpr int kTimes = 2000;
  for (const auto& c : kCases) {
    Dice dice(7);
    auto latency = read(c.text).value().latency;
    double sum = 0;
    for (int i = 0; i < kTimes; ++i) {
      auto drawn = draw(latency, dice).count();
      EXPECT_GE(drawn, c.least) << c.text;
      EXPECT_LE(drawn, c.most) << c.text;
      sum += static_cast<double>(drawn);
    }
    EXPECT_NEAR(sum / kTimes, c.mean, 5) << c.text;
  }
}

struct Strike {
  FaultSite site;
  bool hit;
};

TEST(FaultBoard, StrikesWhereItWasTold) {
  const FaultSite wrap{"key_vault", "contoso", "KeyWrap"};
  const FaultSite unwrap{"key_vault", "contoso", "KeyUnwrap"};
  const FaultSite other{"key_vault", "fabrikam", "KeyWrap"};
  const FaultSite read_key{"key_vault", "contoso", "KeyGet"};
  const FaultSite token{"entra", "", "Token"};
  const FaultSite discovery{"entra", "", "Discovery"};
  struct Case {
    std::string_view text;
    std::vector<Strike> strikes;
  };
  const Case kCases[] = {
      {R"({"kind":"reset"})", {{wrap, true}, {other, true}, {token, true}}},
      {R"({"kind":"reset","service":"key_vault"})", {{wrap, true}, {token, false}}},
      {R"({"kind":"reset","vault":"CONTOSO"})", {{wrap, true}, {other, false}, {token, false}}},
      {R"({"kind":"reset","operation":"keyunwrap"})", {{wrap, false}, {unwrap, true}}},
      {R"({"kind":"reset","share":0})", {{wrap, false}}},
      {R"({"kind":"reset","count":2})", {{wrap, true}, {unwrap, true}, {wrap, false}}},
      {R"({"kind":"wrong_kid","count":1})", {{token, false}, {read_key, false}, {wrap, true}, {wrap, false}}},
      {R"({"kind":"token_lifetime","seconds":1,"count":1})", {{wrap, false}, {discovery, false}, {token, true}}},
      {R"({"kind":"reset","operation":"KeyWrap","count":1})", {{unwrap, false}, {wrap, true}, {wrap, false}}},
  };
  NoChance random;
  for (const auto& c : kCases) {
    FaultBoard board;
    ASSERT_TRUE(board.add(read(c.text).value(), random));
    for (std::size_t i = 0; i < c.strikes.size(); ++i) {
      EXPECT_EQ(!board.strike(c.strikes[i].site).empty(), c.strikes[i].hit) << c.text << " " << i;
    }
  }
}

// One character for each request: x where the fault struck it.
std::string struck_by(std::string_view text, int requests) {
  NoChance random;
  FaultBoard board;
  EXPECT_TRUE(board.add(read(text).value(), random));
  std::string result;
  for (int i = 0; i < requests; ++i) result += board.strike({"entra", "", "Token"}).empty() ? '.' : 'x';
  return result;
}

TEST(FaultBoard, AShareIsDrawnForEachRequest) {
  constexpr std::string_view kQuarter = R"({"kind":"reset","share":0.25,"seed":42})";
  auto first = struck_by(kQuarter, 1000);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(first, 'x')), 250, 50);
  EXPECT_EQ(struck_by(kQuarter, 1000), first);
  EXPECT_NE(struck_by(R"({"kind":"reset","share":0.25,"seed":43})", 1000), first);
  EXPECT_EQ(struck_by(R"({"kind":"reset","share":1,"seed":1})", 20), std::string(20, 'x'));
}

TEST(FaultBoard, AFaultThrowsDiceOfItsOwn) {
  NoChance random;
  FaultBoard board;
  ASSERT_TRUE(board.add(read(R"({"kind":"reset","share":0.5})").value(), random));
  ASSERT_TRUE(board.add(read(R"({"kind":"malformed","share":0.5,"seed":9})").value(), random));
  std::string hits;
  for (int i = 0; i < 50; ++i) {
    auto struck = board.strike({"entra", "", "Token"});
    bool is_hit = std::ranges::any_of(struck, [](const Fault& fault) { return fault.kind == FaultKind::Malformed; });
    hits += is_hit ? 'x' : '.';
  }
  EXPECT_EQ(hits, struck_by(R"({"kind":"malformed","share":0.5,"seed":9})", 50));
}

TEST(FaultBoard, IsListedAsItWasAskedForAndTakenAway) {
  NoChance random;
  FaultBoard board;
  auto add = [&](std::string_view text) { return board.add(read(text).value(), random).value(); };
  auto first = add(R"({"kind":"error","status":503,"vault":"Contoso","count":3})");
  auto second = add(R"({"kind":"latency","distribution":"uniform","min_ms":1,"max_ms":2,"seed":5})");
  EXPECT_NE(first.id, second.id);
  EXPECT_EQ(board.strike({"key_vault", "contoso", "KeyWrap"}).size(), 2U);
  EXPECT_EQ(to_json(board.list().at(0)), (json::object{{"id", first.id},
                                                       {"kind", "error"},
                                                       {"service", "key_vault"},
                                                       {"vault", "contoso"},
                                                       {"share", 1.0},
                                                       {"left", 2U},
                                                       {"hits", 1U},
                                                       {"status", 503U},
                                                       {"code", "ServiceUnavailable"},
                                                       {"message", "This fault was asked for."}}));
  EXPECT_EQ(to_json(board.list().at(1)), (json::object{{"id", second.id},
                                                       {"kind", "latency"},
                                                       {"share", 1.0},
                                                       {"seed", 5U},
                                                       {"hits", 1U},
                                                       {"distribution", "uniform"},
                                                       {"min_ms", 1.0},
                                                       {"max_ms", 2.0}}));
  EXPECT_TRUE(board.remove(first.id));
  EXPECT_FALSE(board.remove(first.id));
  EXPECT_EQ(board.list().size(), 1U);
  board.clear();
  EXPECT_TRUE(board.list().empty());
}

TEST(FaultBoard, HasRoomForAThousand) {
  NoChance random;
  FaultBoard board;
  auto fault = read(R"({"kind":"reset"})").value();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(board.add(fault, random));
  auto more = board.add(fault, random);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::Conflict);
  EXPECT_THAT(more.error().message(), HasSubstr("DELETE /_emulator/faults"));
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
