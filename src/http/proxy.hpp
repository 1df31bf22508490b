// Proxies, as settings and the environment name them. This is the one place that reads HTTPS_PROXY and the like, for
// all our clients. The rules are curl's, and libcurl itself says which hosts NO_PROXY names.
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
  std::string no_proxy;   // the hosts that the client connects to directly, as NO_PROXY lists them
};

// The same proxy for all URLs.
[[nodiscard]] ProxySettings one_proxy(std::string proxy, std::string no_proxy = {});

// Returns a variable of the environment; empty where it is not set.
using Variables = std::function<std::string(const std::string& name)>;
[[nodiscard]] std::string process_variable(const std::string& name);

// https_proxy, HTTPS_PROXY, http_proxy (in lower case alone: a web server sets HTTP_PROXY to what its client says),
// all_proxy, ALL_PROXY, no_proxy and NO_PROXY: of each, the first that is set. Calls to this machine itself use no
// proxy whatever the variables say, because calls to a local server hold keys. Invalid, with the variable's name, where
// one names no proxy.
[[nodiscard]] Result<ProxySettings> proxies_of_environment(const Variables& variables);

// `proxy` where it is not empty, else the environment's proxies. The hosts of the environment's NO_PROXY are left out
// of both, as curl does with its own option.
[[nodiscard]] Result<ProxySettings> proxy_or_environment(const std::string& proxy, const Variables& variables);

// Invalid where the text is not empty and names no proxy. The message does not hold the text, for it may hold a
// password.
[[nodiscard]] Result<void> check_proxy(const std::string& text);

// One proxy, in the form that libcurl takes.
struct Proxy {
  std::string url;  // without user and password
  std::string user;
  std::string password;
};

// Proxy settings, checked and parsed. Thread-safe.
class ProxyTable {
 public:
  ProxyTable() = default;
  // Invalid as check_proxy.
  [[nodiscard]] static Result<ProxyTable> create(const ProxySettings& settings);
  // The proxy to use for the URL; null where the client connects directly.
  [[nodiscard]] const Proxy* proxy_for(const std::string& url) const;

 private:
  std::optional<Proxy> for_https_;
  std::optional<Proxy> for_http_;
  std::string no_proxy_;
};

}  // namespace latchkey::http
