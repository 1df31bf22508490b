// Proxies, as people and the environment name them: the one place that reads HTTPS_PROXY and its kin, for every client
// of ours. The rules are curl's, and libcurl itself says which hosts NO_PROXY names.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace latchkey::http {

// Each proxy as HOST:PORT or SCHEME://[USER:PASSWORD@]HOST:PORT, where user and password may be percent-encoded and
// the scheme is http (if none is given), https, socks4, socks4a, socks5 or socks5h. Empty: none.
struct ProxySettings {
  std::string for_https;  // for https URLs
  std::string for_http;   // for http URLs
  std::string no_proxy;   // the hosts that are asked directly, as NO_PROXY lists them
};

// The same one for all URLs.
[[nodiscard]] ProxySettings one_proxy(std::string proxy, std::string no_proxy = {});

// Gives a variable of the environment; empty where it is not set.
using Variables = std::function<std::string(const std::string& name)>;
[[nodiscard]] std::string process_variable(const std::string& name);

// https_proxy, HTTPS_PROXY, http_proxy (in lower case alone: a web server sets HTTP_PROXY to what its client says),
// all_proxy, ALL_PROXY, no_proxy and NO_PROXY, the first that is set of each. This machine itself is asked directly
// whatever they say: a local server's calls hold keys. Invalid, with the variable's name, where one names no proxy.
[[nodiscard]] Result<ProxySettings> proxies_of_environment(const Variables& variables);

// `proxy` where it is not empty, else the environment's; either way without the hosts of the environment's NO_PROXY, as
// curl has its own option.
[[nodiscard]] Result<ProxySettings> proxy_or_environment(const std::string& proxy, const Variables& variables);

// Invalid where the text is not empty and names no proxy. The message does not hold the text, for it may hold a
// password.
[[nodiscard]] Result<void> check_proxy(const std::string& text);

// One proxy, as libcurl takes it.
struct Proxy {
  std::string url;  // without user and password
  std::string user;
  std::string password;
};

// Settings that were read. Thread-safe.
class ProxyTable {
 public:
  ProxyTable() = default;
  // Invalid as check_proxy.
  [[nodiscard]] static Result<ProxyTable> create(const ProxySettings& settings);
  // The proxy that leads to the URL; null where it is asked directly.
  [[nodiscard]] const Proxy* proxy_for(const std::string& url) const;

 private:
  std::optional<Proxy> for_https_;
  std::optional<Proxy> for_http_;
  std::string no_proxy_;
};

}  // namespace latchkey::http
