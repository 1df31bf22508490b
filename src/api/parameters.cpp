#include "api/parameters.hpp"

#include <charconv>

#include <boost/algorithm/string/trim.hpp>
#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::api {

namespace {

Error invalid(std::string message) {
  return Error{ErrorCode::Invalid, std::move(message)};
}

}  // namespace

Result<std::size_t> limit_parameter(const http::RequestHead& head, LimitBounds bounds) {
  auto text = text_parameter(head, "limit");
  if (!text) return bounds.standard;
  long long limit = 0;
  const auto* end = text->data() + text->size();
  auto read = std::from_chars(text->data(), end, limit);
  if (read.ec == std::errc::invalid_argument || read.ptr != end) {
    return invalid(fmt::format("limit: Input should be a valid integer. Got \"{}\".", json_fields::clean_text(*text)));
  }
  if (read.ec != std::errc() || limit < 1 || static_cast<unsigned long long>(limit) > bounds.most) {
    return invalid(fmt::format("limit: must be between 1 and {}, inclusive. Got {}.", bounds.most,
                               json_fields::clean_text(*text)));
  }
  return static_cast<std::size_t>(limit);
}

std::optional<std::string> text_parameter(const http::RequestHead& head, std::string_view name) {
  auto value = http::query_parameter(head, name);
  if (!value || value->empty()) return std::nullopt;
  return std::string(*value);
}

Result<bool> flag_parameter(const http::RequestHead& head, std::string_view name) {
  auto text = text_parameter(head, name);
  if (!text || *text == "false") return false;
  if (*text == "true") return true;
  return invalid(
      fmt::format("{}: Input should be 'true' or 'false'. Got \"{}\".", name, json_fields::clean_text(*text)));
}

std::optional<std::vector<std::string>> list_parameter(const http::RequestHead& head, std::string_view name) {
  std::optional<std::vector<std::string>> list;
  for (const auto& [key, value] : head.query) {
    bool named =
        key.starts_with(name) && (key.size() == name.size() || std::string_view(key).substr(name.size()) == "[]");
    if (!named || value.empty()) continue;
    if (!list) list.emplace();
    list->push_back(value);
  }
  return list;
}

bool is_octet_stream(const http::RequestHead& head) {
  auto type = head.headers.get("content-type");
  auto media = type.substr(0, type.find(';'));
  constexpr std::string_view kBlank = " \t";
  media.remove_prefix(std::min(media.find_first_not_of(kBlank), media.size()));
  media = media.substr(0, media.find_last_not_of(kBlank) + 1);
  return boost::beast::iequals(media, kOctetStream);
}

}  // namespace latchkey::api
