#include "library/json_text.hpp"

#include <boost/json/serialize.hpp>

#include "base/json_fields.hpp"

namespace latchkey::library {

namespace {
constexpr std::size_t kMostText = std::size_t{1024} * 1024;
}  // namespace

std::string text_at(const boost::json::value& value, std::string_view path) {
  const auto* here = &value;
  while (!path.empty()) {
    auto dot = path.find('.');
    auto name = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    const auto* object = here->if_object();
    here = object == nullptr ? nullptr : object->if_contains(name);
    if (here == nullptr) return "";
  }
  if (here->is_null()) return "";
  if (const auto* text = here->if_string()) return json_fields::clean_text(*text, kMostText);
  return boost::json::serialize(*here);
}

}  // namespace latchkey::library
