// Result<T>: a value or an Error, and the helpers that pass an error up.
//
//   Result<Key> load(Path p) {
//     LATCHKEY_TRY(auto bytes, read_file(p));      // returns the error, or binds the value
//     LATCHKEY_TRYV(check(bytes));                 // the same where there is no value
//     return parse(bytes);                         // a value or an Error converts by itself
//   }
//
// In a coroutine: LATCHKEY_CO_TRY(auto key, co_await load_later(p)) and LATCHKEY_CO_TRYV(...).
// Each macro expands to several statements: put braces around one that follows an `if`. Success without a value is
// `return success();`. Reading the value of an error ends the process: test it first.
#pragma once

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/try.hpp>

#include "base/error.hpp"

namespace latchkey {

template <class T, class E = Error>
using Result = boost::outcome_v2::basic_result<T, E, boost::outcome_v2::policy::terminate>;

using boost::outcome_v2::success;

}  // namespace latchkey

#define LATCHKEY_TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)
#define LATCHKEY_TRYV(...) BOOST_OUTCOME_TRYV(__VA_ARGS__)
#define LATCHKEY_CO_TRY(...) BOOST_OUTCOME_CO_TRY(__VA_ARGS__)
#define LATCHKEY_CO_TRYV(...) BOOST_OUTCOME_CO_TRYV(__VA_ARGS__)
