#include "cli/json_view.hpp"

#include <algorithm>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"

namespace latchkey::cli {

namespace {

constexpr std::size_t kPageSize = 100;
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

Result<boost::json::array> collect_pages(ApiClient& client, std::string_view path, PageStyle style, std::size_t limit) {
  boost::json::array items;
  std::string cursor;
  do {
    auto wanted = limit == 0 ? kPageSize : std::min(kPageSize, limit - items.size());
    auto separator = path.find('?') == std::string_view::npos ? '?' : '&';
    auto url = fmt::format("{}{}limit={}", path, separator, wanted);
    if (!cursor.empty()) {
      url += fmt::format("&{}={}", style == PageStyle::NextPage ? "page" : "after_id", percent_encode(cursor));
    }
    LATCHKEY_TRY(auto page, client.call("GET", url));
    if (auto* data = page["data"].if_array()) {
      for (auto& item : *data) items.push_back(std::move(item));
    }
    cursor = style == PageStyle::NextPage          ? text_at(page, "next_page")
             : text_at(page, "has_more") == "true" ? text_at(page, "last_id")
                                                   : "";
  } while (!cursor.empty() && (limit == 0 || items.size() < limit));
  return items;
}

ExitCode with_client(const Connection& connection, OutputFormat format,
                     const std::function<ExitCode(ApiClient&)>& action) {
  auto client = ApiClient::create(connection);
  if (!client) {
    auto code = report_error(client.error(), format);
    return client.error().code == ErrorCode::Invalid ? ExitCode::Usage : code;
  }
  return action(*client.value());
}

}  // namespace latchkey::cli
