// Texts out of a server's JSON, for people.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace latchkey::library {

// The text at a dotted path ("provider_config.type"). A terminal may show it: U+FFFD stands in place of control
// characters, since others chose the text. Numbers and booleans are as JSON writes them; "" stands for nothing and
// null.
[[nodiscard]] std::string text_at(const boost::json::value& value, std::string_view path);

}  // namespace latchkey::library
