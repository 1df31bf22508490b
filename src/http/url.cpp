#include "http/url.hpp"

#include <charconv>
#include <memory>

#include <boost/algorithm/string/case_conv.hpp>
#include <curl/curl.h>

namespace latchkey::http {

namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

// "" where there is none.
std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK || text == nullptr) return {};
  std::string result(text);
  curl_free(text);
  return result;
}

}  // namespace

Result<Url> parse_url(const std::string& text) {
  Error no_url{ErrorCode::Invalid, "is not an absolute http or https URL, such as https://example.com/hooks"};
  // libcurl reads to the first zero byte.
  if (text.find('\0') != std::string::npos) return no_url;
  std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return no_url;
  Url url;
  url.scheme = boost::to_lower_copy(part_of(parsed.get(), CURLUPART_SCHEME));
  url.host = boost::to_lower_copy(part_of(parsed.get(), CURLUPART_HOST));
  if ((url.scheme != "http" && url.scheme != "https") || url.host.empty()) return no_url;
  if (url.host.front() == '[') url.host = url.host.substr(1, url.host.size() - 2);
  auto port = part_of(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  auto [end, status] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (status != std::errc() || url.port == 0) return no_url;
  url.has_user = !part_of(parsed.get(), CURLUPART_USER).empty() || !part_of(parsed.get(), CURLUPART_PASSWORD).empty();
  url.has_fragment = !part_of(parsed.get(), CURLUPART_FRAGMENT).empty();
  return url;
}

}  // namespace latchkey::http
