#include "http/message.hpp"

#include <algorithm>

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"

namespace latchkey::http {

namespace {
constexpr std::size_t kMaxParameters = 256;
constexpr std::size_t kMostTexts = 480;
constexpr std::size_t kMostFields = 16;
}  // namespace

void Headers::add(std::string_view name, std::string_view value) {
  // Most heads fit, so that each takes two blocks of memory and not one more for each field.
  if (places_.empty()) {
    text_.reserve(std::max(kMostTexts, name.size() + value.size()));
    places_.reserve(kMostFields);
  }
  places_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

void Headers::set(std::string_view name, std::string_view value) {
  std::erase_if(places_, [&](const Place& place) {
    return boost::beast::iequals(std::string_view(text_).substr(place.at, place.name_size), name);
  });
  add(name, value);
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [field, value] : *this) {
    if (boost::beast::iequals(field, name)) return value;
  }
  return std::nullopt;
}

Headers::Field Headers::field(std::size_t i) const {
  const auto& place = places_[i];
  std::string_view text(text_);
  return {text.substr(place.at, place.name_size), text.substr(place.at + place.name_size, place.value_size)};
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
  if (text.find_first_of("%+") == std::string_view::npos) return std::string(text);
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
