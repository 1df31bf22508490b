// Where the external keys of the store's tests are: at what their provider_config calls "place", in any case.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

namespace latchkey::store::testing {

inline std::string config_at(std::string_view place) {
  return fmt::format(R"({{"type":"memory","place":"{}"}})", place);
}

inline std::optional<std::string> place_of_config(std::string_view provider, const std::string& provider_config) {
  boost::system::error_code failed;
  auto config = boost::json::parse(provider_config, failed);
  const auto* object = failed || provider != "memory" ? nullptr : config.if_object();
  const auto* place = object == nullptr ? nullptr : object->if_contains("place");
  if (place == nullptr || !place->is_string()) return std::nullopt;
  return boost::algorithm::to_lower_copy(std::string(place->get_string()));
}

}  // namespace latchkey::store::testing
