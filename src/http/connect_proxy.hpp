// A CONNECT proxy (RFC 9110 section 9.3.6) that leads every tunnel to one local port and connects to nothing else. With
// it a local emulator is reached under public host names, without a change to /etc/hosts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/result.hpp"
#include "base/task.hpp"

namespace latchkey::http {

enum class ProxyVerdict {
  Tunnel,       // 200, then the proxy copies bytes both ways
  UnknownName,  // 502 with "Proxy-Status: ...; error=dns_error; rcode=NXDOMAIN" (RFC 9209): as if DNS had no such name
  Forbidden,    // 403: not a host that this proxy serves
};

struct ConnectProxyOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::uint16_t target_port = 0;  // on 127.0.0.1
  // The proxy calls it with the host of the request, in lower case, and the port. Must be thread-safe.
  std::function<ProxyVerdict(std::string_view host, std::uint16_t port)> decide;
};

class ConnectProxy {
 public:
  // As Server::start.
  [[nodiscard]] static Result<std::unique_ptr<ConnectProxy>> start(boost::asio::any_io_executor executor,
                                                                   ConnectProxyOptions options);
  ConnectProxy(const ConnectProxy&) = delete;
  ConnectProxy& operator=(const ConnectProxy&) = delete;
  ~ConnectProxy();
  [[nodiscard]] std::uint16_t port() const;
  // Closes the listener and every tunnel.
  Task<void> stop();

 private:
  class Impl;
  explicit ConnectProxy(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::http
