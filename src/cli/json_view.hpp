// Reading the API's responses: texts by their paths, and lists page by page.
#pragma once

#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "cli/connection.hpp"
#include "library/json_text.hpp"

namespace latchkey::cli {

using library::text_at;

enum class PageStyle {
  NextPage,  // ?page=<next_page>
  AfterId,   // ?after_id=<last_id>
};

// All items of a list, page by page; at most `limit` (0: all). `path` may carry a query.
[[nodiscard]] Result<boost::json::array> collect_pages(ApiClient& client, std::string_view path, PageStyle style,
                                                       std::size_t limit);

}  // namespace latchkey::cli
