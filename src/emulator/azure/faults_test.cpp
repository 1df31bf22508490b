#include "emulator/azure/faults.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::emulator::azure {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

// Every draw gives the same bytes: 0 is the least number that there is, 0xff the greatest.
class SameBytes final : public RandomSource {
 public:
  explicit SameBytes(std::uint8_t byte) : byte_(byte) {}
  void fill(MutableBytes out) override { std::fill(out.begin(), out.end(), byte_); }

 private:
  std::uint8_t byte_;
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
      {R"({"kind":"reset","count":0})", "count: Input should be a whole number above 0"},
      {R"({"kind":"latency"})", "ms: Input should be a number"},
      {R"({"kind":"latency","ms":-1})", "ms: Input should be a number"},
      {R"({"kind":"latency","distribution":"uniform","min_ms":9,"max_ms":8})", "max_ms: Input should be a number"},
      {R"({"kind":"latency","distribution":"pareto"})", "distribution: Input should be 'fixed'"},
      {R"({"kind":"error"})", "status: Input should be a number from 400 to 599"},
      {R"({"kind":"error","status":200})", "status: Input should be a number from 400 to 599"},
      {R"({"kind":"trickle"})", "pause_ms: Input should be a number"},
      {R"({"kind":"token_lifetime"})", "seconds: Input should be a number"},
  };
  for (const auto& c : kCases) {
    auto fault = read(c.text);
    ASSERT_FALSE(fault) << c.text;
    EXPECT_EQ(fault.error().code, ErrorCode::Invalid);
    EXPECT_THAT(fault.error().message, HasSubstr(c.complaint)) << c.text;
  }
}

TEST(Faults, LatencyIsDrawn) {
  SameBytes least(0);
  SameBytes most(0xff);
  auto drawn = [](std::string_view text, RandomSource& random) {
    return draw(read(text).value().latency, random).count();
  };
  constexpr std::string_view kFixed = R"({"kind":"latency","ms":250})";
  constexpr std::string_view kUniform = R"({"kind":"latency","distribution":"uniform","min_ms":10,"max_ms":20})";
  constexpr std::string_view kSure = R"({"kind":"latency","distribution":"normal","mean_ms":40,"deviation_ms":0})";
  EXPECT_EQ(drawn(kFixed, least), 250);
  EXPECT_EQ(drawn(kUniform, least), 10);
  EXPECT_GE(drawn(kUniform, most), 19);
  EXPECT_LE(drawn(kUniform, most), 20);
  EXPECT_EQ(drawn(kSure, most), 40);
}

struct Strike {
  FaultSite site;
  bool hit;
};

TEST(FaultBoard, StrikesWhereItWasTold) {
  const FaultSite wrap{"key_vault", "contoso", "KeyWrap"};
  const FaultSite unwrap{"key_vault", "contoso", "KeyUnwrap"};
  const FaultSite other{"key_vault", "fabrikam", "KeyWrap"};
  const FaultSite token{"entra", "", "Token"};
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
      {R"({"kind":"reset","operation":"KeyWrap","count":1})", {{unwrap, false}, {wrap, true}, {wrap, false}}},
  };
  SameBytes random(0x7f);
  for (const auto& c : kCases) {
    FaultBoard board;
    board.add(read(c.text).value());
    for (std::size_t i = 0; i < c.strikes.size(); ++i) {
      EXPECT_EQ(!board.strike(c.strikes[i].site, random).empty(), c.strikes[i].hit) << c.text << " " << i;
    }
  }
}

TEST(FaultBoard, AShareIsDrawnEachTime) {
  FaultBoard board;
  board.add(read(R"({"kind":"reset","share":0.25})").value());
  const FaultSite site{"entra", "", "Token"};
  SameBytes low(0);
  SameBytes high(0xff);
  EXPECT_EQ(board.strike(site, low).size(), 1U);
  EXPECT_EQ(board.strike(site, high).size(), 0U);
  EXPECT_EQ(board.list().at(0).hits, 1U);
}

TEST(FaultBoard, IsListedAndTakenAway) {
  FaultBoard board;
  auto first = board.add(read(R"({"kind":"error","status":503,"vault":"Contoso","count":3})").value());
  auto second = board.add(read(R"({"kind":"malformed"})").value());
  EXPECT_NE(first.id, second.id);
  EXPECT_EQ(
      to_json(board.list().at(0)),
      (json::object{
          {"id", first.id}, {"kind", "error"}, {"vault", "contoso"}, {"share", 1.0}, {"left", 3U}, {"hits", 0U}}));
  EXPECT_TRUE(board.remove(first.id));
  EXPECT_FALSE(board.remove(first.id));
  EXPECT_EQ(board.list().size(), 1U);
  board.clear();
  EXPECT_TRUE(board.list().empty());
}

}  // namespace
}  // namespace latchkey::emulator::azure
