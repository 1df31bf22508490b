#include "http/connect_proxy.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/test_server.hpp"

namespace latchkey::http {
namespace {

namespace asio = boost::asio;
using testing::exchange;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConnectProxyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions behind;
    behind.port = server_port_.number();
    auto server = Server::start(context_.get().get_executor(), behind, service_);
    ASSERT_TRUE(server);
    server_ = std::move(server).value();
    ConnectProxyOptions options;
    options.port = proxy_port_.number();
    options.target_port = server_->port();
    options.decide = [](std::string_view host, std::uint16_t port) {
      if (host == "served.example" && port == 443) return ProxyVerdict::Tunnel;
      return host.ends_with(".vault.example") ? ProxyVerdict::UnknownName : ProxyVerdict::Forbidden;
    };
    auto proxy = ConnectProxy::start(context_.get().get_executor(), options);
    ASSERT_TRUE(proxy);
    proxy_ = std::move(proxy).value();
  }
  std::string send(std::string_view bytes) { return exchange(proxy_->port(), bytes); }

  testing::ReservedPort server_port_;
  testing::ReservedPort proxy_port_;
  testing::EchoService service_;
  testing::RunningContext context_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ConnectProxy> proxy_;
};

TEST_F(ConnectProxyTest, TunnelsWhatItServes) {
  auto response = send(
      "CONNECT Served.Example:443 HTTP/1.1\r\nHost: served.example:443\r\n\r\n"
      "GET /through HTTP/1.1\r\nHost: served.example\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(response, HasSubstr("GET /through"));
}

TEST_F(ConnectProxyTest, RefusesTheRestAndDialsNothing) {
  EXPECT_THAT(send("CONNECT nobody.vault.example:443 HTTP/1.1\r\n\r\n"),
              ::testing::AllOf(StartsWith("HTTP/1.1 502"), HasSubstr("error=dns_error"), HasSubstr("NXDOMAIN")));
  for (std::string_view target : {"elsewhere.example:443", "served.example:22", "127.0.0.1:22", "169.254.169.254:80"}) {
    EXPECT_THAT(send("CONNECT " + std::string(target) + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 403")) << target;
  }
}

TEST_F(ConnectProxyTest, SaysWhereNothingIsBehindIt) {
  // Closes the port before it returns; the destructor alone does not promise that.
  asio::co_spawn(context_.get(), server_->stop(std::chrono::milliseconds(0)), asio::use_future).get();
  auto response = send("CONNECT served.example:443 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(response, ::testing::AllOf(StartsWith("HTTP/1.1 502"), HasSubstr("error=connection_refused")));
}

TEST_F(ConnectProxyTest, StoppingClosesTheTunnelsAndTheDoor) {
  auto port = proxy_->port();
  asio::io_context outside;
  asio::ip::tcp::socket tunnel(outside);
  tunnel.connect({asio::ip::address_v4::loopback(), port});
  asio::write(tunnel, asio::buffer(std::string_view("CONNECT served.example:443 HTTP/1.1\r\n\r\n")));
  std::string response;
  asio::read_until(tunnel, asio::dynamic_buffer(response), "\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  asio::co_spawn(context_.get(), proxy_->stop(), asio::use_future).get();
  boost::system::error_code failed;
  char byte = 0;
  asio::read(tunnel, asio::buffer(&byte, 1), failed);
  EXPECT_TRUE(failed);
  asio::ip::tcp::socket late(outside);
  late.connect({asio::ip::address_v4::loopback(), port}, failed);
  EXPECT_TRUE(failed);
}

TEST_F(ConnectProxyTest, IsNoOtherKindOfProxy) {
  for (std::string_view bytes : {"GET http://served.example/ HTTP/1.1\r\nHost: served.example\r\n\r\n",
                                 "CONNECT served.example HTTP/1.1\r\n\r\n", "CONNECT :443 HTTP/1.1\r\n\r\n",
                                 "CONNECT served.example:99999 HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n"}) {
    EXPECT_THAT(send(bytes), StartsWith("HTTP/1.1 405")) << bytes;
  }
}

}  // namespace
}  // namespace latchkey::http
