#include "http/url.hpp"

#include <algorithm>
#include <charconv>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>

#include "http/curl_url.hpp"

namespace latchkey::http {

namespace {

constexpr std::uint16_t kHttpsPort = 443;
constexpr std::size_t kLongestLabel = 63;

bool is_label(const std::string& text) {
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= kLongestLabel && std::ranges::all_of(text, plain);
}

// In lower case.
bool is_host_name(const std::string& text) {
  std::vector<std::string> labels;
  boost::split(labels, text, [](char c) { return c == '.'; });
  return std::ranges::all_of(labels, is_label);
}

bool is_origin(const Url& url) {
  auto slashes_alone = std::ranges::all_of(url.path, [](char c) { return c == '/'; });
  return slashes_alone && !url.has_user && !url.has_query && !url.has_fragment;
}

// An https URL that is nothing but a host and a port, with or without its scheme.
std::optional<Url> parse_host(std::string text) {
  if (text.find("://") == std::string::npos) text.insert(0, "https://");
  auto url = parse_url(text);
  if (!url || url.value().scheme != "https" || !is_origin(url.value())) return std::nullopt;
  auto& host = url.value().host;
  if (host.ends_with('.')) host.pop_back();
  bool is_address = host.find(':') != std::string::npos;
  if (!is_address && !is_host_name(host)) return std::nullopt;
  if (is_address) host = fmt::format("[{}]", host);
  return std::move(url).value();
}

}  // namespace

Result<Url> parse_url(const std::string& text) {
  Error no_url{ErrorCode::Invalid, "is not an absolute http or https URL, such as https://example.com/hooks"};
  auto parsed = parse_with_curl(text);
  if (!parsed) return no_url;
  Url url;
  url.scheme = boost::to_lower_copy(part_of(parsed.get(), CURLUPART_SCHEME));
  url.host = boost::to_lower_copy(part_of(parsed.get(), CURLUPART_HOST));
  if ((url.scheme != "http" && url.scheme != "https") || url.host.empty()) return no_url;
  if (url.host.front() == '[') url.host = url.host.substr(1, url.host.size() - 2);
  auto port = part_of(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  auto [end, status] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (status != std::errc() || url.port == 0) return no_url;
  url.path = part_of(parsed.get(), CURLUPART_PATH);
  url.has_user = !part_of(parsed.get(), CURLUPART_USER).empty() || !part_of(parsed.get(), CURLUPART_PASSWORD).empty();
  url.has_query = !part_of(parsed.get(), CURLUPART_QUERY).empty();
  url.has_fragment = !part_of(parsed.get(), CURLUPART_FRAGMENT).empty();
  return url;
}

Result<std::string> read_host(std::string_view text) {
  auto url = parse_host(boost::trim_copy(std::string(text)));
  if (!url) {
    return Error{ErrorCode::Invalid, "expected a host such as login.example.com, or https://login.example.com/"};
  }
  return url->port == kHttpsPort ? url->host : fmt::format("{}:{}", url->host, url->port);
}

Result<std::string> read_host_suffix(std::string_view text) {
  auto trimmed = boost::trim_copy(std::string(text));
  for (std::string_view before : {"*.", "."}) {
    if (!trimmed.starts_with(before)) continue;
    trimmed.erase(0, before.size());
    break;
  }
  auto url = parse_host(trimmed);
  bool is_number = url && std::ranges::all_of(url->host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (!url || url->port != kHttpsPort || url->host.starts_with('[') || is_number) {
    return Error{ErrorCode::Invalid, "expected host suffixes such as .vault.azure.net"};
  }
  return "." + url->host;
}

Result<std::string> read_base_url(std::string_view text) {
  auto trimmed = boost::trim_copy(std::string(text));
  auto url = parse_url(trimmed);
  if (!url || url.value().has_user || url.value().has_query || url.value().has_fragment) {
    return Error{ErrorCode::Invalid,
                 "expected the server's URL, such as https://keys.example.com or http://127.0.0.1:8600, without user, "
                 "query and fragment"};
  }
  const auto& [scheme, host, port, path, user, query, fragment] = url.value();
  auto shown_host = host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
  bool own_port = port == (scheme == "https" ? kHttpsPort : 80);
  auto base = own_port ? fmt::format("{}://{}{}", scheme, shown_host, path)
                       : fmt::format("{}://{}:{}{}", scheme, shown_host, port, path);
  while (base.ends_with('/')) base.pop_back();
  return base;
}

}  // namespace latchkey::http
