#include "testing/matchers.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using latchkey::testing::IsErrorThatSays;
using latchkey::testing::IsOk;
using latchkey::testing::IsOkAndHolds;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr ReasonEntry kInUse{"in_use", ReasonClass::Other, ErrorCode::Conflict};
constexpr ReasonEntry kFree{"free", ReasonClass::Other, ErrorCode::Conflict};
const Result<int> kGood = 12;
const Result<int> kBad = Error{ErrorCode::Conflict, "it is taken", kInUse};

TEST(Matchers, TellAValueFromAnError) {
  EXPECT_THAT(kGood, IsOk());
  EXPECT_THAT(kBad, Not(IsOk()));
  EXPECT_THAT(Result<void>(success()), IsOk());
  EXPECT_THAT(kGood, IsOkAndHolds(12));
  EXPECT_THAT(kGood, IsOkAndHolds(Gt(11)));
  EXPECT_THAT(kGood, Not(IsOkAndHolds(13)));
  EXPECT_THAT(kBad, Not(IsOkAndHolds(12)));
}

TEST(Matchers, TellErrorsApart) {
  EXPECT_THAT(kBad, IsError(ErrorCode::Conflict));
  EXPECT_THAT(kBad, Not(IsError(ErrorCode::Invalid)));
  EXPECT_THAT(kGood, Not(IsError(ErrorCode::Conflict)));
  EXPECT_THAT(kBad, IsError(ErrorCode::Conflict, kInUse));
  EXPECT_THAT(kBad, Not(IsError(ErrorCode::Invalid, kInUse)));
  EXPECT_THAT(kBad, Not(IsError(ErrorCode::Conflict, kFree)));
  EXPECT_THAT(kBad, IsErrorFor(kInUse));
  EXPECT_THAT(kBad, Not(IsErrorFor(kFree)));
  EXPECT_THAT(kGood, Not(IsErrorFor(kInUse)));
  EXPECT_THAT(kBad, IsErrorThatSays(HasSubstr("taken")));
  EXPECT_THAT(kBad, Not(IsErrorThatSays("taken")));
  EXPECT_THAT(kGood, Not(IsErrorThatSays(HasSubstr(""))));
}

TEST(Matchers, ShowAnErrorAndNoValue) {
  EXPECT_EQ(::testing::PrintToString(kBad), "an error, conflict: it is taken");
  EXPECT_EQ(::testing::PrintToString(Result<std::string>("secret")), "a value");
}

}  // namespace
}  // namespace latchkey
