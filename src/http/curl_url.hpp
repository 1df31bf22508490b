// libcurl's URL API as values. Internal to http/.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <curl/curl.h>

namespace latchkey::http {

struct FreeCurlUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, FreeCurlUrl>;

// Null where the text is no URL, or has a zero byte: libcurl would read only up to that.
[[nodiscard]] inline CurlUrl parse_with_curl(const std::string& text, unsigned flags = 0) {
  CurlUrl url(curl_url());
  bool whole = text.find('\0') == std::string::npos;
  if (!url || !whole || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), flags) != CURLUE_OK) return nullptr;
  return url;
}

// "" where there is none.
[[nodiscard]] inline std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK || text == nullptr) return {};
  std::string result(text);
  curl_free(text);
  return result;
}

// Percent-decoded; "" where there is none, null where it does not decode to a text.
[[nodiscard]] inline std::optional<std::string> decoded_part_of(CURLU* url, CURLUPart part) {
  auto raw = part_of(url, part);
  auto decoded = part_of(url, part, CURLU_URLDECODE);
  if (!raw.empty() && decoded.empty()) return std::nullopt;
  return decoded;
}

}  // namespace latchkey::http
