#include "http/message.hpp"

#include <algorithm>

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"

namespace latchkey::http {

namespace {
constexpr std::size_t kMaxParameters = 256;
}

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const auto& field) { return boost::beast::iequals(field.first, name); });
  fields_.emplace_back(name, std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (boost::beast::iequals(field, name)) return value;
  }
  return {};
}

bool Headers::has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const auto& field) { return boost::beast::iequals(field.first, name); });
}

std::string_view Request::path_parameter(std::string_view name) const {
  for (const auto& [parameter, value] : path_parameters) {
    if (parameter == name) return value;
  }
  return {};
}

std::optional<std::string_view> query_parameter(const RequestHead& head, std::string_view name) {
  for (const auto& [parameter, value] : head.query) {
    if (parameter == name) return value;
  }
  return std::nullopt;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      auto byte = hex_decode(text.substr(i + 1, 2));
      if (!byte || byte.value().size() != 1) {
        return Error{ErrorCode::Invalid, "a percent sign in the URL is not followed by two hexadecimal digits"};
      }
      decoded += static_cast<char>(byte.value()[0]);
      i += 2;
    } else {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

Result<QueryParameters> parse_query(std::string_view text) {
  QueryParameters parameters;
  while (!text.empty()) {
    auto end = text.find('&');
    auto pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    if (parameters.size() == kMaxParameters) {
      return Error{ErrorCode::Invalid, fmt::format("the query has more than {} parameters", kMaxParameters)};
    }
    auto equals = pair.find('=');
    LATCHKEY_TRY(auto name, percent_decode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      LATCHKEY_TRY(value, percent_decode(pair.substr(equals + 1), true));
    }
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

}  // namespace latchkey::http
