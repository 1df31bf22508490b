// Matchers for a Result. Calling .error() on a Result with a value ends the test program; these fail only the one test,
// and show what came instead.
//
//   EXPECT_THAT(read_file(path), IsOk());
//   EXPECT_THAT(parse("12"), IsOkAndHolds(12));
//   EXPECT_THAT(parse("x"), IsError(ErrorCode::Invalid));
//   EXPECT_THAT(unwrap(key), IsError(ErrorCode::KeyDenied, reason::kKeyDisabled));
#pragma once

#include <ostream>

#include <gmock/gmock.h>

#include "base/result.hpp"

namespace latchkey {

// The test framework calls it to show a Result; it shows no value, because that may be a secret.
template <class T>
void PrintTo(const Result<T>& result, std::ostream* out) {
  *out << (result ? "a value" : "an error, " + describe(result.error()));
}

}  // namespace latchkey

namespace latchkey::testing {

MATCHER(IsOk, negation ? "is an error" : "is a value") {
  return static_cast<bool>(arg);
}

MATCHER_P(IsOkAndHolds, inner, negation ? "does not hold that" : "is a value, and holds that") {
  return arg && ::testing::ExplainMatchResult(inner, arg.value(), result_listener);
}

MATCHER_P(IsError, code, std::string(negation ? "is no error " : "is an error ") + std::string(to_string(code))) {
  return !arg && arg.error().code == code;
}

MATCHER_P2(IsError, code, reason,
           std::string(negation ? "is no error " : "is an error ") + std::string(to_string(code)) + " for " +
               ::testing::PrintToString(reason)) {
  return !arg && arg.error().code == code && arg.error().reason == reason;
}

// Matches an error of any code with this reason.
MATCHER_P(IsErrorFor, reason,
          std::string(negation ? "is no error for " : "is an error for ") + ::testing::PrintToString(reason)) {
  return !arg && arg.error().reason == reason;
}
// Matches an error whose message() matches `inner`.
MATCHER_P(IsErrorThatSays, inner, negation ? "does not say that" : "is an error that says that") {
  return !arg && ::testing::ExplainMatchResult(inner, arg.error().message(), result_listener);
}

}  // namespace latchkey::testing
