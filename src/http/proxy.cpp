#include "http/proxy.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <curl/curl.h>
#include <fmt/format.h>

#include "http/curl_url.hpp"
#include "http/url.hpp"

namespace latchkey::http {

namespace {

constexpr std::array<std::string_view, 6> kSchemes{"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
constexpr std::string_view kThisMachine = "localhost,127.0.0.0/8,::1";

// Two different addresses of RFC 5737, which no machine has.
constexpr const char* kProxyAddress = "http://192.0.2.1:9";
constexpr std::uint32_t kProxyNumber = 0xc0000201;
constexpr std::string_view kHostAddress = "192.0.2.2";

Result<Proxy> read_proxy(const std::string& text) {
  Error no_proxy{ErrorCode::Invalid,
                 "expected a proxy such as http://proxy.example.com:3128, http://USER:PASSWORD@HOST:PORT or HOST:PORT; "
                 "what is special in user and password is percent-encoded"};
  auto trimmed = boost::trim_copy(text);
  if (trimmed.find("://") == std::string::npos) trimmed.insert(0, "http://");
  auto parsed = parse_with_curl(trimmed, CURLU_NON_SUPPORT_SCHEME);
  if (!parsed) return no_proxy;
  auto scheme = boost::to_lower_copy(part_of(parsed.get(), CURLUPART_SCHEME));
  auto host = part_of(parsed.get(), CURLUPART_HOST);
  auto path = part_of(parsed.get(), CURLUPART_PATH);
  bool known = std::ranges::find(kSchemes, scheme) != kSchemes.end();
  bool more = (!path.empty() && path != "/") || !part_of(parsed.get(), CURLUPART_QUERY).empty();
  if (!known || host.empty() || more) return no_proxy;
  auto user = decoded_part_of(parsed.get(), CURLUPART_USER);
  auto password = decoded_part_of(parsed.get(), CURLUPART_PASSWORD);
  if (!user || !password) return no_proxy;
  auto port = part_of(parsed.get(), CURLUPART_PORT);
  return Proxy{fmt::format("{}://{}{}{}", scheme, host, port.empty() ? "" : ":", port), std::move(*user),
               std::move(*password)};
}

Result<std::optional<Proxy>> read_any_proxy(const std::string& text) {
  if (boost::trim_copy(text).empty()) return std::optional<Proxy>();
  LATCHKEY_TRY(auto proxy, read_proxy(text));
  return std::optional(std::move(proxy));
}

struct FirstVariable {
  std::string name;
  std::string value;
};

FirstVariable first_of(const Variables& variables, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    if (auto value = variables(name); !value.empty()) return {name, std::move(value)};
  }
  return {};
}

Result<std::string> proxy_of(const Variables& variables, std::initializer_list<const char*> names) {
  auto found = first_of(variables, names);
  auto checked = check_proxy(found.value);
  if (!checked) return Error{ErrorCode::Invalid, fmt::format("{}: {}", found.name, checked.error().message())};
  return std::move(found.value);
}

std::string hosts_asked_directly(const Variables& variables) {
  return first_of(variables, {"no_proxy", "NO_PROXY"}).value;
}

// Records where libcurl would connect to, and refuses the connection.
struct Attempt {
  bool any = false;
  bool to_proxy = false;
};

curl_socket_t note_address(void* user, curlsocktype, curl_sockaddr* target) {
  auto& attempt = *static_cast<Attempt*>(user);
  sockaddr_in address{};
  if (target->family == AF_INET) std::memcpy(&address, &target->addr, sizeof address);
  attempt.any = true;
  attempt.to_proxy = target->family == AF_INET && ntohl(address.sin_addr.s_addr) == kProxyNumber;
  return CURL_SOCKET_BAD;
}

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// libcurl has the rules for NO_PROXY, but no function that applies them. So we give it a proxy and a host, both at
// addresses that we choose, and see which it connects to. Nothing is looked up or sent.
bool is_asked_directly(const std::string& url, const std::string& no_proxy) {
  auto parsed = parse_url(url);
  if (no_proxy.empty() || !parsed) return false;
  std::unique_ptr<CURL, FreeEasy> easy(curl_easy_init());
  auto known = fmt::format("{}:{}:{}", parsed.value().host, parsed.value().port, kHostAddress);
  std::unique_ptr<curl_slist, FreeList> resolved(curl_slist_append(nullptr, known.c_str()));
  if (!easy || !resolved) return false;
  bool is_ipv6 = parsed.value().host.find(':') != std::string::npos;
  Attempt attempt;
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_PROXY, kProxyAddress);
  curl_easy_setopt(easy.get(), CURLOPT_NOPROXY, no_proxy.c_str());
  if (!is_ipv6) curl_easy_setopt(easy.get(), CURLOPT_RESOLVE, resolved.get());
  curl_easy_setopt(easy.get(), CURLOPT_OPENSOCKETFUNCTION, note_address);
  curl_easy_setopt(easy.get(), CURLOPT_OPENSOCKETDATA, &attempt);
  curl_easy_perform(easy.get());
  return attempt.any && !attempt.to_proxy;
}

}  // namespace

ProxySettings one_proxy(std::string proxy, std::string no_proxy) {
  ProxySettings settings{proxy, {}, std::move(no_proxy)};
  settings.for_http = std::move(proxy);
  return settings;
}

std::string process_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

Result<ProxySettings> proxies_of_environment(const Variables& variables) {
  ProxySettings settings;
  LATCHKEY_TRY(settings.for_https, proxy_of(variables, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}));
  LATCHKEY_TRY(settings.for_http, proxy_of(variables, {"http_proxy", "all_proxy", "ALL_PROXY"}));
  settings.no_proxy = hosts_asked_directly(variables);
  // A lone asterisk means every host; within a list it means nothing.
  if (settings.no_proxy != "*") {
    settings.no_proxy += settings.no_proxy.empty() ? "" : ",";
    settings.no_proxy += kThisMachine;
  }
  return settings;
}

Result<ProxySettings> proxy_or_environment(const std::string& proxy, const Variables& variables) {
  if (proxy.empty()) return proxies_of_environment(variables);
  LATCHKEY_TRYV(check_proxy(proxy));
  return one_proxy(proxy, hosts_asked_directly(variables));
}

Result<void> check_proxy(const std::string& text) {
  LATCHKEY_TRYV(read_any_proxy(text));
  return success();
}

Result<ProxyTable> ProxyTable::create(const ProxySettings& settings) {
  ProxyTable table;
  LATCHKEY_TRY(table.for_https_, read_any_proxy(settings.for_https));
  LATCHKEY_TRY(table.for_http_, read_any_proxy(settings.for_http));
  table.no_proxy_ = settings.no_proxy;
  return table;
}

const Proxy* ProxyTable::proxy_for(const std::string& url) const {
  const auto& proxy = boost::algorithm::istarts_with(url, "https://") ? for_https_ : for_http_;
  if (!proxy || is_asked_directly(url, no_proxy_)) return nullptr;
  return &*proxy;
}

}  // namespace latchkey::http
