#include "http/client.hpp"

#include <cstdlib>
#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/connect_proxy.hpp"
#include "testing/canned_server.hpp"
#include "testing/matchers.hpp"
#include "testing/test_authority.hpp"
#include "testing/test_server.hpp"

namespace latchkey::http {
namespace {

namespace asio = boost::asio;
using latchkey::testing::IsError;
using ::testing::HasSubstr;

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.port = port_.number();
    auto started = Server::start(context_.get().get_executor(), options, service_);
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
    request.deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
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

  testing::ReservedPort port_;
  testing::EchoService service_;
  testing::RunningContext context_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, SendsAndReads) {
  auto request = get(url("/path?q=1"));
  request.method = "POST";
  request.headers.set("x-sent", "value");
  request.headers.set("x-blank", "");
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

TEST_F(ClientTest, AnErrorStatusIsAResponseAndARedirectIsNotFollowed) {
  EXPECT_EQ(send(get(url("/status?503"))).value().status, 503U);
  auto moved = send(get(url("/location")));
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved.value().status, 302U);
  EXPECT_EQ(moved.value().headers.get("location"), "/elsewhere");
}

TEST_F(ClientTest, TheResponseIsBounded) {
  auto request = get(url("/x"));
  request.max_response_bytes = 4;
  EXPECT_EQ(failure(std::move(request)), TransportFailure::ResponseTooLarge);
}

TEST_F(ClientTest, WhatCannotBeSentIsNotSent) {
  for (auto address : {std::string("file:///etc/passwd"), std::string("ftp://h/"), std::string("gopher://h"),
                       std::string(""), url("/a\r\nX-Evil: 1"), url("/a b"), std::string("http://h:99999/"),
                       std::string("http://user:pass@127.0.0.1/"), std::string("http://")}) {
    EXPECT_EQ(failure(get(address)), TransportFailure::BadRequest) << address;
  }
  using Field = std::pair<std::string, std::string>;
  for (const auto& [name, value] : {Field{"x-sent", "a\r\nX-Evil: 1"}, Field{"x-sent", std::string("a\0b", 3)},
                                    Field{"", "v"}, Field{"x y", "v"}, Field{"x:", "v"}, Field{"x\r\ny", "v"}}) {
    auto injected = get(url("/"));
    injected.headers.add(name, value);
    EXPECT_EQ(failure(std::move(injected)), TransportFailure::BadRequest) << name;
  }
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
  testing::ReservedPort silent;
  EXPECT_EQ(failure(get("http://127.0.0.1:" + std::to_string(silent.number()) + "/")), TransportFailure::ConnectFailed);
  auto late = get("http://127.0.0.1:1/");
  late.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(failure(std::move(late)), TransportFailure::TimedOut);
}

TEST_F(ClientTest, ASilentServerTimesOut) {
  asio::ip::tcp::acceptor silent(context_.get(), {asio::ip::address_v4::loopback(), 0});
  auto request = get("http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/");
  request.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  EXPECT_EQ(failure(std::move(request)), TransportFailure::TimedOut);
}

TEST_F(ClientTest, WaitingForAConnectionHasTheSameDeadline) {
  asio::ip::tcp::acceptor silent(context_.get(), {asio::ip::address_v4::loopback(), 0});
  ClientOptions options;
  options.max_connections_per_host = 1;
  client_ = make(options);
  auto address = "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/";
  auto first = std::async(std::launch::async,
                          [&client = *client_, request = get(address)] { return run_blocking(client.send(request)); });
  auto accepted = silent.accept();
  auto second = get(address);
  second.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  EXPECT_EQ(failure(std::move(second)), TransportFailure::TimedOut);
  client_.reset();
  auto interrupted = first.get();
  ASSERT_FALSE(interrupted);
  EXPECT_EQ(interrupted.error().failure, TransportFailure::Interrupted);
}

TEST_F(ClientTest, NoNameIsWaitedForBeyondTheDeadline) {
  // The test cannot know whether this machine's resolver says "no such name" or nothing.
  auto request = get("http://no-such-host.invalid/");
  request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  auto deadline = request.deadline;
  EXPECT_THAT(
      failure(std::move(request)),
      ::testing::AnyOf(TransportFailure::UnknownName, TransportFailure::LookupFailed, TransportFailure::TimedOut));
  EXPECT_LT(std::chrono::steady_clock::now(), deadline + std::chrono::seconds(60)) << "with room for a busy machine";
}

struct CannedCase {
  std::string_view name;
  std::string response;
  TransportFailure failure;
};

TEST_F(ClientTest, ResponsesThatAreNone) {
  const CannedCase kCases[] = {
      {"nothing", "", TransportFailure::Interrupted},
      {"no HTTP", "220 mail.example ESMTP\r\n", TransportFailure::Interrupted},
      {"cut head", "HTTP/1.1 200 OK\r\nContent-", TransportFailure::Interrupted},
      {"cut body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", TransportFailure::Interrupted},
      {"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", TransportFailure::Interrupted},
      {"huge head", "HTTP/1.1 200 OK\r\nX: " + std::string(90'000, 'x') + "\r\n\r\n",
       TransportFailure::ResponseTooLarge},
      {"huge body", "HTTP/1.1 200 OK\r\n\r\n" + std::string(2'000'000, 'x'), TransportFailure::ResponseTooLarge},
  };
  for (const auto& c : kCases) {
    testing::CannedServer server(context_.get(), c.response);
    EXPECT_EQ(failure(get(server.url() + "/")), c.failure) << c.name;
  }
}

TEST_F(ClientTest, InterimResponsesAreNotTheResponse) {
  testing::CannedServer server(context_.get(),
                               "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
                               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Last: 1\r\nX-Empty:\r\n\r\nok");
  auto response = send(get(server.url() + "/"));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response.value().status, 200U);
  EXPECT_EQ(response.value().body, "ok");
  EXPECT_FALSE(response.value().headers.has("x-early"));
  EXPECT_TRUE(response.value().headers.has("x-last"));
  EXPECT_TRUE(response.value().headers.has("x-empty"));
}

TEST_F(ClientTest, AProxysRefusalsAreToldApart) {
  auto status = [](std::string_view text) {
    return "HTTP/1.1 502 Bad Gateway\r\nProxy-Status: p; " + std::string(text) + "\r\nContent-Length: 0\r\n\r\n";
  };
  const CannedCase kCases[] = {
      {"unknown", status("error=dns_error; rcode=\"NXDOMAIN\""), TransportFailure::UnknownName},
      {"unknown, no rcode", status("error=dns_error"), TransportFailure::LookupFailed},
      {"server failure", status("error=dns_error; rcode=\"SERVFAIL\""), TransportFailure::LookupFailed},
      {"dns time-out", status("error=dns_timeout"), TransportFailure::LookupFailed},
      {"refused", status("error=connection_refused"), TransportFailure::ProxyFailed},
      {"no word", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
       TransportFailure::ProxyFailed},
  };
  for (const auto& c : kCases) {
    testing::CannedServer proxy(context_.get(), c.response);
    ClientOptions through;
    through.proxy = one_proxy(proxy.url());
    client_ = make(through);
    EXPECT_EQ(failure(get("https://vault.example/")), c.failure) << c.name;
  }
}

TEST_F(ClientTest, AProxyThatIsNotThereIsTheProxysFailure) {
  ClientOptions through;
  through.proxy = one_proxy(url(""));
  // Closes the port before it returns; the destructor alone does not promise that.
  asio::co_spawn(context_.get(), server_->stop(std::chrono::milliseconds(0)), asio::use_future).get();
  client_ = make(through);
  EXPECT_EQ(failure(get("https://vault.example/")), TransportFailure::ProxyFailed);
}

TEST_F(ClientTest, ResumesWhereItWasCalled) {
  auto strand = asio::make_strand(context_.get());
  auto ask = [](Client& client, ClientRequest request, decltype(strand) home) -> Task<bool> {
    auto response = co_await client.send(std::move(request));
    co_return response.has_value() && home.running_in_this_thread();
  };
  auto resumed = asio::co_spawn(strand, ask(*client_, get(url("/")), strand), asio::use_future);
  EXPECT_TRUE(resumed.get());
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
  through.proxy = one_proxy("http://127.0.0.1:" + std::to_string(proxy.value()->port()));
  client_ = make(through);
  EXPECT_EQ(failure(get("https://unknown.example/")), TransportFailure::UnknownName);
  EXPECT_EQ(failure(get("https://elsewhere.example/")), TransportFailure::ProxyFailed);
}

TEST_F(ClientTest, ConnectsWithoutAskingAnything) {
  auto connect = get(url("/asked"));
  connect.only_connects = true;
  auto connected = send(connect);
  ASSERT_TRUE(connected) << connected.error().message;
  EXPECT_EQ(connected.value().status, 0U);
  EXPECT_TRUE(connected.value().body.empty());
  auto after = send(get(url("/after")));
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_THAT(after.value().body, HasSubstr("GET /after"));
  connect.url = "https://127.0.0.1:" + std::to_string(server_->port()) + "/";
  EXPECT_EQ(failure(connect), TransportFailure::TlsFailed);
}

TEST_F(ClientTest, ConnectsThroughAProxyThatKnowsTheName) {
  ConnectProxyOptions options;
  options.target_port = server_->port();
  options.decide = [](std::string_view host, std::uint16_t) {
    return host == "unknown.example" ? ProxyVerdict::UnknownName : ProxyVerdict::Tunnel;
  };
  auto proxy = ConnectProxy::start(context_.get().get_executor(), options);
  ASSERT_TRUE(proxy);
  ClientOptions through;
  through.proxy = one_proxy("http://127.0.0.1:" + std::to_string(proxy.value()->port()));
  client_ = make(through);
  for (const auto& [to, expected] : {std::pair{"https://unknown.example/", TransportFailure::UnknownName},
                                     std::pair{"https://known.example/", TransportFailure::TlsFailed}}) {
    auto connect = get(to);
    connect.only_connects = true;
    EXPECT_EQ(failure(connect), expected) << to;
  }
}

TEST_F(ClientTest, ManyAtOnce) {
  constexpr int kRequests = 200;
  asio::io_context context;
  int answered = 0;
  auto ask = [&](int i) -> Task<void> {
    auto response = co_await client_->send(get(url("/n?" + std::to_string(i))));
    if (response && response.value().body == "GET /n " + std::to_string(i) + "|") ++answered;
  };
  for (int i = 0; i < kRequests; ++i) asio::co_spawn(context, ask(i), asio::detached);
  context.run();
  EXPECT_EQ(answered, kRequests);
}

TEST(ClientOptions, MistakesAreTold) {
  ClientOptions options;
  options.ca_file = "/no/such/file.pem";
  auto client = make_curl_client(options);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message(), HasSubstr("/no/such/file.pem"));
  options = ClientOptions{};
  options.proxy = one_proxy("ftp://127.0.0.1:3128");
  EXPECT_THAT(make_curl_client(options), IsError(ErrorCode::Invalid));
  testing::ScratchFile no_authorities("no certificate");
  options = ClientOptions{};
  options.ca_file = no_authorities.path();
  client = make_curl_client(options);
  ASSERT_FALSE(client) << "otherwise the client would blame every host";
  EXPECT_THAT(client.error().message(), HasSubstr("holds no certificates in PEM"));
}

}  // namespace
}  // namespace latchkey::http
