// Looking into answers of the API without a ladder of checks.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "cli/api_client.hpp"

namespace latchkey::cli {

// The text at a dotted path ("provider_config.type"), as a terminal may show it, for others chose it: U+FFFD in place
// of control characters. Numbers and booleans as JSON writes them; "" where there is nothing or null.
[[nodiscard]] std::string text_at(const boost::json::value& value, std::string_view path);

enum class PageStyle {
  NextPage,  // ?page=<next_page>
  AfterId,   // ?after_id=<last_id>
};

// All items of a list, page by page; at most `limit` (0: all). `path` may carry a query.
[[nodiscard]] Result<boost::json::array> collect_pages(ApiClient& client, std::string_view path, PageStyle style,
                                                       std::size_t limit);

// Makes the client and hands it over; what it cannot be made of (no API key, no URL, no proxy) is a usage error.
[[nodiscard]] ExitCode with_client(const Connection& connection, OutputFormat format,
                                   const std::function<ExitCode(ApiClient&)>& action);

}  // namespace latchkey::cli
