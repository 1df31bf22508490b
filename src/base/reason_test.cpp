#include "base/reason.hpp"

#include <array>
#include <sstream>
#include <type_traits>

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace latchkey {
namespace {

constexpr ReasonEntry kAsleep{"asleep", ReasonClass::Unreachable, ErrorCode::KeyUnreachable};
constexpr ReasonEntry kNameTaken{"name_taken", ReasonClass::Other, ErrorCode::Conflict};

struct Row {
  int status;
  Reason reason;
};
constexpr std::array kRows{Row{503, kAsleep}, Row{409, kNameTaken}};

// Whatever is only known when the program runs is no reason.
static_assert(!std::is_convertible_v<std::string, Reason>);
static_assert(!std::is_convertible_v<std::string_view, Reason>);
static_assert(!std::is_convertible_v<const char*, Reason>);

TEST(Reason, IsAnEntryOrNothing) {
  Error error{ErrorCode::KeyUnreachable, "it sleeps", kAsleep};
  EXPECT_EQ(error.reason, kAsleep);
  EXPECT_EQ(error.reason, "asleep");
  EXPECT_NE(error.reason, kNameTaken);
  EXPECT_EQ(error.reason, kRows[0].reason);
  EXPECT_TRUE(error.reason.concerns_key());
  EXPECT_FALSE(Reason(kNameTaken).concerns_key());
  EXPECT_EQ(Reason(kNameTaken).entry()->error, ErrorCode::Conflict);

  Error other{ErrorCode::Internal, "it broke"};
  EXPECT_TRUE(other.reason.empty());
  EXPECT_EQ(other.reason.code(), "");
  EXPECT_EQ(other.reason.entry(), nullptr);
  EXPECT_FALSE(other.reason.concerns_key());
  EXPECT_EQ(other.reason, Reason());
}

TEST(Reason, WhatAnotherProgramReportedIsInNoCatalogue) {
  auto reported = Reason::reported("asleep");
  EXPECT_EQ(reported, kAsleep) << "by the code";
  EXPECT_EQ(reported.entry(), nullptr);
  EXPECT_FALSE(reported.concerns_key());
  EXPECT_TRUE(Reason::reported("").empty());
}

TEST(Reason, IsCopiedAndMovedAsItIs) {
  Reason copy;
  {
    auto reported = Reason::reported("a_name_that_is_longer_than_a_short_string");
    copy = reported;
    Reason moved = std::move(reported);
    EXPECT_EQ(moved, copy);
    reported = kAsleep;
    EXPECT_EQ(reported, kAsleep);
    moved = Reason(reported);
    EXPECT_EQ(moved, kAsleep);
  }
  EXPECT_EQ(copy, "a_name_that_is_longer_than_a_short_string");
  const auto& itself = copy;
  copy = itself;
  EXPECT_EQ(copy, "a_name_that_is_longer_than_a_short_string");
  std::ostringstream shown;
  shown << copy << ' ' << kAsleep;
  EXPECT_EQ(shown.str(), "a_name_that_is_longer_than_a_short_string asleep");
}

}  // namespace
}  // namespace latchkey
