// Reads the published test files of C2SP/wycheproof. Test code only.
#pragma once

#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::crypto::testing {

inline boost::json::object read_wycheproof(const std::string& name) {
  auto text = read_file(latchkey::testing::source_path("tests/vectors/wycheproof/" + name), std::size_t{16} << 20);
  if (!text) {
    ADD_FAILURE() << text.error().message();
    return {};
  }
  return boost::json::parse(text.value()).as_object();
}

inline std::string text(const boost::json::value& test, std::string_view name) {
  return std::string(test.as_object().at(name).as_string());
}
inline Bytes hex(const boost::json::value& test, std::string_view name) {
  return hex_decode(text(test, name)).value();
}

// Calls `check(group, test)` for every test and returns their number.
template <class Check>
std::size_t for_each_test(const boost::json::object& file, Check check) {
  std::size_t count = 0;
  for (const auto& group : file.at("testGroups").as_array()) {
    for (const auto& test : group.as_object().at("tests").as_array()) {
      SCOPED_TRACE("tcId " + std::to_string(test.as_object().at("tcId").to_number<int>()));
      check(group, test);
      ++count;
    }
  }
  return count;
}

}  // namespace latchkey::crypto::testing
