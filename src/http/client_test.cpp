#include "http/client.hpp"

#include <cstdlib>

#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/connect_proxy.hpp"
#include "http/testing/test_server.hpp"

namespace latchkey::http {
namespace {

using ::testing::HasSubstr;

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = Server::start(context_.get().get_executor(), ServerOptions{}, service_);
    ASSERT_TRUE(started);
    server_ = std::move(started).value();
    client_ = make({});
  }
  static std::unique_ptr<Client> make(ClientOptions options, AddressPolicy policy = AddressPolicy::Any) {
    options.address_policy = policy;
    auto client = make_curl_client(std::move(options));
    EXPECT_TRUE(client);
    return std::move(client).value();
  }
  std::string url(std::string_view path) {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + std::string(path);
  }
  static ClientRequest get(std::string url) {
    ClientRequest request;
    request.url = std::move(url);
    request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    return request;
  }
  Result<ClientResponse, TransportError> send(ClientRequest request) {
    return run_blocking(client_->send(std::move(request)));
  }
  TransportFailure failure(ClientRequest request) {
    auto response = send(std::move(request));
    EXPECT_FALSE(response);
    return response ? TransportFailure::BadRequest : response.error().failure;
  }

  testing::EchoService service_;
  testing::RunningContext context_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, SendsAndReads) {
  auto request = get(url("/path?q=1"));
  request.method = "POST";
  request.headers.set("x-sent", "value");
  request.body = std::string("bo\0dy", 5);
  auto response = send(std::move(request));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response.value().status, 200U);
  EXPECT_EQ(response.value().headers.get("X-Seen"), "value");
  EXPECT_EQ(response.value().body, std::string("POST /path q=1|bo\0dy", 20));
}

TEST_F(ClientTest, EveryMethodGoesOut) {
  for (std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    auto request = get(url("/m"));
    request.method = method;
    auto response = send(std::move(request));
    ASSERT_TRUE(response) << method;
    EXPECT_THAT(response.value().body, HasSubstr(method + " /m"));
  }
  auto head = get(url("/m"));
  head.method = "HEAD";
  auto response = send(std::move(head));
  ASSERT_TRUE(response);
  EXPECT_EQ(response.value().body, "");
}

TEST_F(ClientTest, AnErrorStatusIsAnAnswerAndARedirectIsNotFollowed) {
  EXPECT_EQ(send(get(url("/status?503"))).value().status, 503U);
  auto moved = send(get(url("/location")));
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved.value().status, 302U);
  EXPECT_EQ(moved.value().headers.get("location"), "/elsewhere");
}

TEST_F(ClientTest, TheAnswerIsBounded) {
  auto request = get(url("/x"));
  request.max_response_bytes = 4;
  EXPECT_EQ(failure(std::move(request)), TransportFailure::AnswerTooLarge);
}

TEST_F(ClientTest, WhatCannotBeSentIsNotSent) {
  for (auto address : {std::string("file:///etc/passwd"), std::string("ftp://h/"), std::string("gopher://h"),
                       std::string(""), url("/a\r\nX-Evil: 1")}) {
    EXPECT_EQ(failure(get(address)), TransportFailure::BadRequest) << address;
  }
  auto injected = get(url("/"));
  injected.headers.set("x-sent", "a\r\nX-Evil: 1");
  EXPECT_EQ(failure(std::move(injected)), TransportFailure::BadRequest);
  auto method = get(url("/"));
  method.method = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(failure(std::move(method)), TransportFailure::BadRequest);
}

TEST_F(ClientTest, PrivateAddressesAreRefusedAtTheSocket) {
  client_ = make({}, AddressPolicy::PublicOnly);
  auto response = send(get(url("/")));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, TransportFailure::AddressRefused);
  EXPECT_THAT(response.error().message, HasSubstr("127.0.0.1"));
  EXPECT_EQ(failure(get("http://localhost:" + std::to_string(server_->port()) + "/")),
            TransportFailure::AddressRefused);
}

TEST_F(ClientTest, FailuresAreToldApart) {
  auto port = server_->port();
  server_.reset();
  EXPECT_EQ(failure(get("http://127.0.0.1:" + std::to_string(port) + "/")), TransportFailure::ConnectFailed);
  auto late = get("http://127.0.0.1:1/");
  late.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(failure(std::move(late)), TransportFailure::TimedOut);
}

TEST_F(ClientTest, ASilentServerTimesOut) {
  boost::asio::ip::tcp::acceptor silent(context_.get(), {boost::asio::ip::address_v4::loopback(), 0});
  auto request = get("http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/");
  request.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  EXPECT_EQ(failure(std::move(request)), TransportFailure::TimedOut);
}

TEST_F(ClientTest, PlainTextWhereTlsWasMeantIsATlsFailure) {
  EXPECT_EQ(failure(get("https://127.0.0.1:" + std::to_string(server_->port()) + "/")), TransportFailure::TlsFailed);
}

TEST_F(ClientTest, TheEnvironmentsProxyHasNoSay) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  auto response = send(get(url("/direct")));
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  ASSERT_TRUE(response) << response.error().message;
}

TEST_F(ClientTest, TheProxysWordOnNamesIsTaken) {
  ConnectProxyOptions options;
  options.target_port = server_->port();
  options.decide = [](std::string_view host, std::uint16_t) {
    return host == "unknown.example" ? ProxyVerdict::UnknownName : ProxyVerdict::Forbidden;
  };
  auto proxy = ConnectProxy::start(context_.get().get_executor(), options);
  ASSERT_TRUE(proxy);
  ClientOptions through;
  through.proxy = "http://127.0.0.1:" + std::to_string(proxy.value()->port());
  client_ = make(through);
  EXPECT_EQ(failure(get("https://unknown.example/")), TransportFailure::UnknownName);
  EXPECT_EQ(failure(get("https://elsewhere.example/")), TransportFailure::ProxyFailed);
}

TEST_F(ClientTest, ManyAtOnce) {
  constexpr int kRequests = 200;
  boost::asio::io_context context;
  int answered = 0;
  auto ask = [&](int i) -> Task<void> {
    auto response = co_await client_->send(get(url("/n?" + std::to_string(i))));
    if (response && response.value().body == "GET /n " + std::to_string(i) + "|") ++answered;
  };
  for (int i = 0; i < kRequests; ++i) boost::asio::co_spawn(context, ask(i), boost::asio::detached);
  context.run();
  EXPECT_EQ(answered, kRequests);
}

TEST(ClientOptions, MistakesAreTold) {
  ClientOptions options;
  options.ca_file = "/no/such/file.pem";
  auto client = make_curl_client(options);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("/no/such/file.pem"));
  options = ClientOptions{};
  options.proxy = "127.0.0.1:3128";
  EXPECT_EQ(make_curl_client(options).error().code, ErrorCode::Invalid);
}

}  // namespace
}  // namespace latchkey::http
