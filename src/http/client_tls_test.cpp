#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.hpp"
#include "http/connect_proxy.hpp"
#include "testing/test_authority.hpp"
#include "testing/test_server.hpp"

namespace latchkey::http {
namespace {

namespace asio = boost::asio;
using ::testing::HasSubstr;

class ClientTlsTest : public ::testing::Test {
 protected:
  void start(const TlsFiles& files, ServerOptions options = {}) {
    options.tls = files;
    auto started = Server::start(context_.get().get_executor(), std::move(options), service_);
    ASSERT_TRUE(started) << started.error().message();
    server_ = std::move(started).value();
  }
  [[nodiscard]] ClientOptions trusting(const testing::ScratchFile& authority) const {
    ClientOptions options;
    options.ca_file = authority.path();
    options.address_policy = AddressPolicy::Any;
    return options;
  }
  static ClientRequest post(std::string url, std::string body) {
    ClientRequest request;
    request.method = "POST";
    request.url = std::move(url);
    request.body = std::move(body);
    request.deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    return request;
  }
  [[nodiscard]] std::string url(std::string_view host = "127.0.0.1") const {
    return "https://" + std::string(host) + ":" + std::to_string(server_->port()) + "/tls";
  }
  static Result<ClientResponse, TransportError> send(ClientOptions options, ClientRequest request) {
    auto client = make_curl_client(std::move(options));
    EXPECT_TRUE(client);
    return run_blocking(client.value()->send(std::move(request)));
  }

  testing::TestAuthority authority_;
  testing::ScratchFile trusted_{authority_.certificate_pem()};
  testing::EchoService service_;
  testing::RunningContext context_;
  std::unique_ptr<Server> server_;
};

TEST_F(ClientTlsTest, SpeaksTls) {
  start(authority_.issue("IP:127.0.0.1"));
  auto response = send(trusting(trusted_), post(url(), std::string(1000, 'x')));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response.value().body, "POST /tls |" + std::string(1000, 'x'));
}

TEST_F(ClientTlsTest, KeepsTheConnection) {
  ServerOptions options;
  options.max_connections = 1;  // the server would refuse a second one
  start(authority_.issue("IP:127.0.0.1"), options);
  auto client = make_curl_client(trusting(trusted_)).value();
  for (int i = 0; i < 5; ++i) {
    auto response = run_blocking(client->send(post(url(), std::to_string(i))));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response.value().body, "POST /tls |" + std::to_string(i));
  }
}

TEST_F(ClientTlsTest, WhatIsNotTrustedIsATlsFailure) {
  testing::TestAuthority other;
  testing::ScratchFile other_file(other.certificate_pem());
  struct Case {
    std::string_view what;
    TlsFiles files;
    const testing::ScratchFile* trusted;
  };
  const Case kCases[] = {
      {"of another authority", authority_.issue("IP:127.0.0.1"), &other_file},
      {"for another name", authority_.issue("DNS:other.example,IP:127.0.0.2"), &trusted_},
      {"expired", authority_.issue("IP:127.0.0.1", -7200, -3600), &trusted_},
      {"not yet valid", authority_.issue("IP:127.0.0.1", 3600, 7200), &trusted_},
  };
  for (const auto& c : kCases) {
    start(c.files);
    auto response = send(trusting(*c.trusted), post(url(), "secret"));
    ASSERT_FALSE(response) << c.what;
    EXPECT_EQ(response.error().failure, TransportFailure::TlsFailed) << c.what << ": " << response.error().message;
    EXPECT_THAT(response.error().message, HasSubstr("127.0.0.1")) << c.what;
  }
}

TEST_F(ClientTlsTest, TheSystemsAuthoritiesAreNotTrustedBesideTheFile) {
  start(authority_.issue("IP:127.0.0.1"));
  ClientOptions options;
  options.address_policy = AddressPolicy::Any;
  auto response = send(options, post(url(), ""));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, TransportFailure::TlsFailed);
}

TEST_F(ClientTlsTest, ReachesPublicNamesThroughTheProxyUnderAnyPolicy) {
  start(authority_.issue("DNS:*.vault.example"));
  ConnectProxyOptions proxy_options;
  proxy_options.target_port = server_->port();
  proxy_options.decide = [](std::string_view host, std::uint16_t port) {
    return host == "one.vault.example" && port == 443 ? ProxyVerdict::Tunnel : ProxyVerdict::Forbidden;
  };
  auto proxy = ConnectProxy::start(context_.get().get_executor(), proxy_options);
  ASSERT_TRUE(proxy);
  auto options = trusting(trusted_);
  options.address_policy = AddressPolicy::PublicOnly;
  options.proxy = one_proxy("http://127.0.0.1:" + std::to_string(proxy.value()->port()));
  auto response = send(options, post("https://one.vault.example/tls", "through"));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response.value().body, "POST /tls |through");
  auto forbidden = send(options, post("https://two.vault.example/tls", ""));
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().failure, TransportFailure::ProxyFailed);
}

TEST_F(ClientTlsTest, TheServerRefusesAndTimesOutOverTlsAsItDoesWithout) {
  start(authority_.issue("IP:127.0.0.1"));
  auto large = send(trusting(trusted_), post(url(), std::string(300'000, 'x')));
  ASSERT_TRUE(large) << large.error().message;
  EXPECT_EQ(large.value().status, 413U);

  ServerOptions options;
  options.pace.grace = std::chrono::milliseconds(50);
  start(authority_.issue("IP:127.0.0.1"), options);
  asio::io_context outside;
  asio::ssl::context context(asio::ssl::context::tls_client);
  asio::ssl::stream<asio::ip::tcp::socket> slow(outside, context);
  slow.next_layer().connect({asio::ip::address_v4::loopback(), server_->port()});
  slow.handshake(asio::ssl::stream_base::client);
  asio::write(slow, asio::buffer(std::string_view("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")));
  std::string response;
  boost::system::error_code failed;
  asio::read(slow, asio::dynamic_buffer(response), failed);
  EXPECT_THAT(response, ::testing::StartsWith("HTTP/1.1 408"));
}

TEST_F(ClientTlsTest, PlainTextAtATlsServerGetsNoResponse) {
  start(authority_.issue("IP:127.0.0.1"));
  EXPECT_THAT(testing::exchange(server_->port(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              ::testing::Not(HasSubstr("GET /")));
}

TEST_F(ClientTlsTest, CertificateAndKeyMustBelongTogetherAndNeedNoPassphrase) {
  auto one = authority_.issue("IP:127.0.0.1");
  auto two = authority_.issue("IP:127.0.0.1");
  ServerOptions options;
  options.tls = TlsFiles{one.certificate_pem, two.private_key_pem};
  auto mixed = Server::start(context_.get().get_executor(), options, service_);
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().code, ErrorCode::Invalid);
  EXPECT_THAT(mixed.error().message(), HasSubstr("private key"));
}

}  // namespace
}  // namespace latchkey::http
