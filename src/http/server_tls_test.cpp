// The server's own half of TLS, by a client that does with the bytes what it wants.
#include <array>

#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.hpp"
#include "testing/matchers.hpp"
#include "testing/test_authority.hpp"
#include "testing/test_server.hpp"

namespace latchkey::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using latchkey::testing::IsError;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kRequest = "POST /tls HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view kAnswer = "POST /tls |ok";

class ServerTlsTest : public ::testing::Test {
 protected:
  using Stream = asio::ssl::stream<tcp::socket>;

  void start(ServerOptions options = {}) {
    options.tls = authority_.issue("IP:127.0.0.1");
    server_ = Server::start(context_.get().get_executor(), std::move(options), service_).value();
  }
  [[nodiscard]] tcp::endpoint endpoint() const { return {asio::ip::address_v4::loopback(), server_->port()}; }
  std::unique_ptr<Stream> connect() {
    auto stream = std::make_unique<Stream>(outside_, client_tls_);
    stream->next_layer().connect(endpoint());
    stream->handshake(Stream::client);
    return stream;
  }
  // Up to the end of the answer to kRequest.
  static std::string read_answer(Stream& stream) {
    std::string text;
    asio::read_until(stream, asio::dynamic_buffer(text), std::string(kAnswer));
    return text;
  }
  static std::string read_all(Stream& stream) {
    std::string text;
    boost::system::error_code ignored;
    asio::read(stream, asio::dynamic_buffer(text), ignored);
    return text;
  }

  testing::TestAuthority authority_;
  testing::EchoService service_;
  testing::RunningContext context_;
  asio::io_context outside_;
  asio::ssl::context client_tls_{asio::ssl::context::tls_client};
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTlsTest, ABodyThatComesByteByByteIsWhole) {
  start();
  auto client = connect();
  // Each byte is a record of its own.
  for (char byte : kRequest) asio::write(*client, asio::buffer(&byte, 1));
  EXPECT_THAT(read_answer(*client), EndsWith(std::string(kAnswer)));
}

TEST_F(ServerTlsTest, WhoReadsLateGetsAllOfALargeResponse) {
  start();
  service_.limit = std::size_t{8} * 1024 * 1024;
  auto client = connect();
  std::string body(service_.limit, 'x');
  for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  auto head = "POST /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n";
  asio::write(*client, asio::buffer(head));
  // The response is far larger than all buffers on its way: the server has to wait for this client.
  asio::write(*client, asio::buffer(body));
  EXPECT_THAT(read_all(*client), EndsWith("POST /large |" + body));
}

TEST_F(ServerTlsTest, ManyRequestsInOneRecordAreAnsweredInOrder) {
  start();
  auto client = connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += kRequest;
  requests += "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  asio::write(*client, asio::buffer(requests));
  auto responses = read_all(*client);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i, ++at) {
    at = responses.find(kAnswer, at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_THAT(responses.substr(at), EndsWith("GET /last |"));
}

TEST_F(ServerTlsTest, AConnectionThatRestedServesOn) {
  ServerOptions options;
  options.rest_after = std::chrono::milliseconds(0);  // before each request
  start(std::move(options));
  auto client = connect();
  for (int i = 0; i < 20; ++i) {
    // The request comes in two parts, so that a rest falls between them, too.
    asio::write(*client, asio::buffer(kRequest.substr(0, 30)));
    asio::write(*client, asio::buffer(kRequest.substr(30)));
    EXPECT_THAT(read_answer(*client), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
}

TEST_F(ServerTlsTest, WhatIsNoHandshakeEndsThatConnectionAlone) {
  start();
  for (std::string bytes : {std::string(kRequest), std::string(5, '\xff'), std::string("\x16\x03\x01\xff\xff", 5)}) {
    tcp::socket stranger(outside_);
    stranger.connect(endpoint());
    boost::system::error_code failed;
    asio::write(stranger, asio::buffer(bytes), failed);
    stranger.shutdown(tcp::socket::shutdown_send, failed);
    std::string answer;
    asio::read(stranger, asio::dynamic_buffer(answer), failed);
    EXPECT_EQ(answer.find("HTTP/"), std::string::npos);
  }
  auto client = connect();
  asio::write(*client, asio::buffer(kRequest));
  EXPECT_THAT(read_answer(*client), HasSubstr(std::string(kAnswer)));
}

TEST_F(ServerTlsTest, AClientThatVanishesInTheMiddleHarmsNobody) {
  start();
  for (std::size_t much : {std::size_t{0}, std::size_t{10}, kRequest.size() - 1, kRequest.size()}) {
    auto client = connect();
    asio::write(*client, asio::buffer(kRequest.substr(0, much)));
    client->next_layer().set_option(asio::socket_base::linger(true, 0));
    client->next_layer().close();
  }
  auto client = connect();
  asio::write(*client, asio::buffer(kRequest));
  EXPECT_THAT(read_answer(*client), HasSubstr(std::string(kAnswer)));
}

TEST_F(ServerTlsTest, ACertificateIsRenewedForNewConnections) {
  start();
  auto old = connect();
  auto certificate_of = [](Stream& stream) {
    std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(stream.native_handle()), X509_free);
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    EXPECT_EQ(X509_digest(shown.get(), EVP_sha256(), hash.data(), nullptr), 1);
    return hash;
  };
  EXPECT_THAT(server_->renew_certificate({"no", "pem"}), IsError(ErrorCode::Invalid));
  EXPECT_EQ(certificate_of(*connect()), certificate_of(*old));
  ASSERT_TRUE(server_->renew_certificate(authority_.issue("IP:127.0.0.1")));
  EXPECT_NE(certificate_of(*connect()), certificate_of(*old));
  asio::write(*old, asio::buffer(kRequest));
  EXPECT_THAT(read_answer(*old), HasSubstr(std::string(kAnswer)));
}

TEST_F(ServerTlsTest, AServerWithoutTlsHasNoCertificateToRenew) {
  auto plain = Server::start(context_.get().get_executor(), ServerOptions(), service_).value();
  EXPECT_THAT(plain->renew_certificate(authority_.issue("IP:127.0.0.1")), IsError(ErrorCode::Invalid));
}

}  // namespace
}  // namespace latchkey::http
