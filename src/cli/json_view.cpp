#include "cli/json_view.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.hpp"

namespace latchkey::cli {

namespace {

constexpr std::size_t kPageSize = 100;

}  // namespace

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

}  // namespace latchkey::cli
