#include "http/server.hpp"

#include <array>
#include <poll.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/matchers.hpp"
#include "testing/test_server.hpp"

namespace latchkey::http {
namespace {

using latchkey::testing::IsError;
using ::testing::AllOf;
using testing::exchange;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ServerTest : public ::testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    auto started = Server::start(context_.get().get_executor(), std::move(options), service_);
    ASSERT_TRUE(started) << started.error().message();
    server_ = std::move(started).value();
  }
  std::string send(std::string_view bytes) { return exchange(server_->port(), bytes); }
  // A connection of a known address, which the server does not close for others.
  boost::asio::ip::tcp::socket known_connection(boost::asio::io_context& context) const {
    boost::asio::ip::tcp::socket socket(context);
    socket.connect({boost::asio::ip::address_v4::loopback(), server_->port()});
    boost::asio::write(socket, boost::asio::buffer(std::string_view("GET /known HTTP/1.1\r\nHost: h\r\n\r\n")));
    char byte = 0;
    boost::asio::read(socket, boost::asio::buffer(&byte, 1));
    return socket;
  }

  testing::EchoService service_;
  testing::RunningContext context_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, RespondsAndKeepsTheConnection) {
  start();
  auto responses = send(
      "GET /one?a=b HTTP/1.1\r\nHost: Example.COM:80\r\n\r\n"
      "POST /two HTTP/1.1\r\nHost: h\r\nX-Sent: v\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(responses, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(responses, HasSubstr("x-host: example.com:80"));
  EXPECT_THAT(responses, HasSubstr("GET /one a=b|"));
  EXPECT_THAT(responses, HasSubstr("x-seen: v"));
  EXPECT_THAT(responses, HasSubstr("POST /two |hello"));
}

TEST_F(ServerTest, ReadsChunkedBodies) {
  start();
  EXPECT_THAT(send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
              HasSubstr("|abcde"));
}

TEST_F(ServerTest, AHeadRequestGetsTheLengthAndNoBody) {
  start();
  auto response = send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(response, HasSubstr("Content-Length: 9"));
  EXPECT_THAT(response, Not(HasSubstr("HEAD /x")));
}

TEST_F(ServerTest, AHeadRequestKeepsTheConnection) {
  start();
  auto responses = send(
      "HEAD /one HTTP/1.1\r\nHost: h\r\n\r\n"
      "HEAD /throw HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /two HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
      "HEAD /status?204 HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /three HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(responses, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(responses, HasSubstr("\r\n\r\nHTTP/1.1 500")) << "nothing between the heads";
  EXPECT_THAT(responses, HasSubstr("\r\n\r\nHTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(responses, HasSubstr("POST /two |helloHTTP/1.1 204"));
  EXPECT_THAT(responses, HasSubstr("GET /three |"));
}

TEST_F(ServerTest, TakesAbsoluteTargetsAndTheirHost) {
  start();
  auto response = send("GET http://Vault.Example:8443/keys?a=b HTTP/1.1\r\nHost: other.example\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, HasSubstr("x-host: vault.example:8443"));
  EXPECT_THAT(response, HasSubstr("GET /keys a=b|"));
  EXPECT_THAT(send("GET https://vault.example HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("GET / |"));
  EXPECT_THAT(send("GET http://a/x HTTP/1.0\r\n\r\n"), HasSubstr("x-host: a"));
}

TEST_F(ServerTest, TakesTheAsteriskForOptionsAlone) {
  start();
  EXPECT_THAT(send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("OPTIONS * |"));
  EXPECT_THAT(send("GET * HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, RefusesWhatIsNotARequest) {
  start();
  for (std::string_view bytes : {
           "nonsense\r\n\r\n",
           "GET / HTTP/9.9\r\n\r\n",
           "GET noslash HTTP/1.1\r\nHost: h\r\n\r\n",
           "GET http://user:secret@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET http://a:x/ HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET http://a/ HTTP/1.1\r\n\r\n",
           "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
           "GET /?a=%zz HTTP/1.1\r\nHost: h\r\n\r\n",
           "GET / HTTP/1.1\r\nbad header\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "GET / HTTP/1.1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET / HTTP/1.1\nHost: h\n\n",
       }) {
    auto response = send(bytes);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 400")) << bytes;
    EXPECT_THAT(response, HasSubstr("malformed")) << bytes;
    EXPECT_THAT(response, HasSubstr("Connection: close")) << bytes;
  }
}

TEST_F(ServerTest, BodiesAboveTheLimitAreRefusedUnread) {
  start();
  auto declared = send("POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_THAT(declared, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(declared, HasSubstr("body /big"));
  auto chunked = "POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x');
  EXPECT_THAT(send(chunked), StartsWith("HTTP/1.1 413"));
  auto exact = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
  EXPECT_THAT(send(exact), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, ARefusalIsReadableWhileTheBodyIsStillComing) {
  start();
  auto flood = "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" + std::string(2'000'000, 'x');
  EXPECT_THAT(send(flood), StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, HeadsAboveTheLimitAreRefused) {
  start();
  EXPECT_THAT(send("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
}

TEST_F(ServerTest, SaysToGoOnOnlyWhereTheBodyIsWanted) {
  start();
  auto wanted = send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(wanted, StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
  auto unwanted = send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n");
  EXPECT_THAT(unwanted, StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, NobodyIsToldToGoOnInHttp10) {
  start();
  auto response = send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, ASlowBodyIsGivenUp) {
  ServerOptions options;
  options.pace = {.grace = std::chrono::milliseconds(50), .bytes_per_second = 64 * 1024};
  start(options);
  for (std::string_view slow :
       {"Content-Length: 5\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n5\r\nab", "Content-Length: 5\r\n\r\n"}) {
    auto response = exchange(server_->port(), "POST /slow HTTP/1.1\r\nHost: h\r\n" + std::string(slow), false);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 408")) << slow;
    EXPECT_THAT(response, HasSubstr("slow /slow")) << slow;
  }
}

TEST_F(ServerTest, ASlowHeadIsGivenUpWithoutAWord) {
  ServerOptions options;
  options.head_timeout = std::chrono::milliseconds(50);
  start(options);
  EXPECT_EQ(exchange(server_->port(), "GET / HTTP/1.1\r\nHo", false), "");
  EXPECT_EQ(exchange(server_->port(), "", false), "");
}

TEST_F(ServerTest, ChunkHeadersHaveALimitToo) {
  start();
  auto endless = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(1'000'000, 'x');
  EXPECT_THAT(send(endless), StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, TrailersAreNoHeaders) {
  start();
  auto response = send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sent: late\r\n\r\n"
      "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(response, HasSubstr("|ok"));
  EXPECT_THAT(response, Not(HasSubstr("late")));
  EXPECT_THAT(response, HasSubstr("GET /next"));
}

TEST_F(ServerTest, AHeaderOfTheResponseCannotBecomeTwo) {
  start();
  auto response = send("GET /split HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, Not(HasSubstr("x-evil")));
}

TEST_F(ServerTest, ManyPipelinedRequestsAreAnsweredInOrder) {
  constexpr int kRequests = 100;
  start();
  std::string requests;
  for (int i = 0; i < kRequests; ++i) {
    requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  }
  auto responses = send(requests);
  std::size_t at = 0;
  for (int i = 0; i < kRequests; ++i) {
    at = responses.find("POST /" + std::to_string(i) + " |x", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(ServerTest, ClosesWhereTheClientSaysSo) {
  start();
  for (std::string_view last :
       {"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "GET /last HTTP/1.0\r\n\r\n"}) {
    auto response = exchange(server_->port(), last, false);
    EXPECT_THAT(response, HasSubstr("GET /last")) << last;
    EXPECT_THAT(response, HasSubstr("Connection: close")) << last;
  }
}

TEST_F(ServerTest, AnExceptionIsAResponseAndNotTheEnd) {
  start();
  auto responses = send("GET /throw HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(responses, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(responses, HasSubstr("GET /next"));
  EXPECT_THAT(send("GET /throw-number HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 500"));
}

TEST_F(ServerTest, NoBodyIsReadOfWhoIsRefusedByItsHead) {
  start();
  for (std::string_view rest : {"Content-Length: 900\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
                                "Expect: 100-continue\r\nContent-Length: 900\r\n\r\n"}) {
    auto response = send("POST /refused HTTP/1.1\r\nHost: h\r\n" + std::string(rest));
    EXPECT_THAT(response, StartsWith("HTTP/1.1 401"))
        << "the server sends no 100 Continue and waits for nothing: " << rest;
    EXPECT_THAT(response, HasSubstr("Connection: close")) << rest;
    EXPECT_THAT(response, HasSubstr("who are you")) << rest;
  }
}

TEST_F(ServerTest, ARefusalKeepsTheConnectionWhereTheBodyCameWithTheHead) {
  start();
  auto responses = send(
      "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
      "POST /refused HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
      "GET /refused HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(responses, HasSubstr("who are youHTTP/1.1 401 Unauthorized\r\n"));
  EXPECT_THAT(responses, HasSubstr("GET /next |"));
}

// A client that reads to the end of the connection must not wait for as long as the server lingers.
TEST_F(ServerTest, ARefusalWithoutABodyClosesAtOnceWhereTheClientSaysSo) {
  start();
  auto begun = std::chrono::steady_clock::now();
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket client(context);
  client.connect({boost::asio::ip::address_v4::loopback(), server_->port()});
  auto request = std::string_view("GET /refused HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  boost::asio::write(client, boost::asio::buffer(request));
  std::string response;
  boost::system::error_code failed;
  boost::asio::read(client, boost::asio::dynamic_buffer(response), failed);
  EXPECT_THAT(response, StartsWith("HTTP/1.1 401"));
  // A server that lingers has closed only its own half, and accepts more bytes; one that has closed responds with a
  // reset.
  while (!failed || failed == boost::asio::error::eof) boost::asio::write(client, boost::asio::buffer("x", 1), failed);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5)) << "as long as it lingers";
}

TEST_F(ServerTest, AnExceptionInAdmissionIsAResponse) {
  start();
  auto responses = send("GET /admit-throws HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(responses, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(responses, HasSubstr("GET /next |"));
}

TEST_F(ServerTest, ASlowBodyMayTakeAsLongAsItsBytesAllow) {
  ServerOptions options;
  // Two thirds of the 900 bytes arrive at once: they allow more time than the grace alone.
  options.pace = {.grace = std::chrono::milliseconds(0), .bytes_per_second = 1};
  start(options);
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket client(context);
  client.connect({boost::asio::ip::address_v4::loopback(), server_->port()});
  std::string first = "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n" + std::string(600, 'x');
  boost::asio::write(client, boost::asio::buffer(first));
  // A whole exchange of another connection comes first, so that the server has checked the time meanwhile.
  EXPECT_THAT(send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  boost::asio::write(client, boost::asio::buffer(std::string(300, 'x')));
  client.shutdown(boost::asio::ip::tcp::socket::shutdown_send);
  std::string response;
  boost::system::error_code failed;
  boost::asio::read(client, boost::asio::dynamic_buffer(response), failed);
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, WhoReadsTooSlowlyIsCutOff) {
  ServerOptions options;
  options.pace = {.grace = std::chrono::milliseconds(50), .bytes_per_second = std::size_t{1} << 40};
  start(options);
  service_.limit = std::size_t{64} * 1024 * 1024;
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket client(context);
  client.connect({boost::asio::ip::address_v4::loopback(), server_->port()});
  auto body = std::string(service_.limit, 'x');
  std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  std::array<boost::asio::const_buffer, 2> parts{boost::asio::buffer(head), boost::asio::buffer(body)};
  boost::system::error_code failed;
  boost::asio::write(client, parts, failed);
  // The client reads nothing until the server has given up. It sees that by POLLHUP, which needs no reading.
  pollfd waiting{client.native_handle(), POLLRDHUP, 0};
  while (::poll(&waiting, 1, -1) < 0) {
  }
  std::string response;
  boost::asio::read(client, boost::asio::dynamic_buffer(response), failed);
  EXPECT_LT(response.size(), body.size());
}

TEST_F(ServerTest, BodiesWaitForTheirShareAndAreThenTold) {
  ServerOptions options;
  options.max_body_bytes_held = std::size_t{80} * 1024;
  options.body_wait = std::chrono::milliseconds(20);
  service_.limit = std::size_t{40} * 1024;
  start(options);
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket holder(context);
  holder.connect({boost::asio::ip::address_v4::loopback(), server_->port()});
  auto begun = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 40000\r\n\r\n";
  boost::asio::write(holder, boost::asio::buffer(std::string_view(begun)));
  std::array<char, 25> proceed;
  boost::asio::read(holder, boost::asio::buffer(proceed));  // the request holds its share from now on
  auto second = send("POST /more HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n" + std::string(40'000, 'x'));
  EXPECT_THAT(second, AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("no room /more")));
  EXPECT_THAT(send("POST /little HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok"), HasSubstr("/little |ok"));
  holder.close();
}

TEST_F(ServerTest, TooManyConnectionsAreToldAndWhatIsVitalIsAnswered) {
  ServerOptions options;
  options.max_connections = 1;
  options.behind_proxy = true;
  start(options);
  boost::asio::io_context context;
  auto first = known_connection(context);
  constexpr int kVisits = 20;
  for (int i = 0; i < kVisits; ++i) {
    auto unread = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n" + std::string(30'000, 'x');
    EXPECT_THAT(send(unread), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("overloaded")));
    auto vital = "GET /vital HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_THAT(send(vital),
                AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("GET /vital"), HasSubstr("Connection: close")));
    auto with_body = "GET /vital HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
    EXPECT_THAT(send(with_body), StartsWith("HTTP/1.1 503"));
  }
  EXPECT_EQ(service_.asked_to_admit, 1 + kVisits) << "the first one, and of the others those that are answered";
  EXPECT_TRUE(first.is_open());
}

TEST_F(ServerTest, OneAddressDoesNotTakeAllConnections) {
  ServerOptions options;
  options.max_connections = 16;
  start(options);
  boost::asio::io_context context;
  std::vector<boost::asio::ip::tcp::socket> idle;
  for (int i = 0; i < 40; ++i) {
    idle.emplace_back(context);
    idle.back().connect({boost::asio::ip::address_v4::loopback(), server_->port()});
  }
  boost::asio::ip::tcp::socket other(context);
  other.open(boost::asio::ip::tcp::v4());
  other.bind({boost::asio::ip::make_address_v4("127.0.0.2"), 0});
  other.connect({boost::asio::ip::address_v4::loopback(), server_->port()});
  boost::asio::write(other, boost::asio::buffer(std::string_view("GET /x HTTP/1.0\r\n\r\n")));
  std::string response;
  boost::system::error_code failed;
  boost::asio::read(other, boost::asio::dynamic_buffer(response), failed);
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
}

// The server reads for a moment what comes after a refusal; meanwhile the connection holds nobody's place.
TEST_F(ServerTest, WhoWasRefusedMakesRoomForWhoeverComes) {
  ServerOptions options;
  options.max_connections = 4;  // one of them is kept for known addresses
  options.max_connections_per_address = 4;
  start(options);
  boost::asio::io_context context;
  std::vector<boost::asio::ip::tcp::socket> refused;
  boost::system::error_code failed;
  for (int i = 0; i < 3; ++i) {
    auto& client = refused.emplace_back(context);
    client.connect({boost::asio::ip::address_v4::loopback(), server_->port()});
    auto request = std::string_view("POST /refused-stranger HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n");
    boost::asio::write(client, boost::asio::buffer(request));
    std::string response;
    boost::asio::read(client, boost::asio::dynamic_buffer(response),
                      failed);  // up to the end that a lingering server sends
    EXPECT_THAT(response, StartsWith("HTTP/1.1 401"));
  }
  EXPECT_THAT(send("GET /stranger HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  // The server closes the oldest connection for it, with a reset.
  for (failed = {}; !failed;) boost::asio::write(refused.front(), boost::asio::buffer("x", 1), failed);
}

TEST_F(ServerTest, WithoutVisitsWhoeverFindsNoRoomIsClosed) {
  ServerOptions options;
  options.max_connections = 1;
  options.max_visits = 0;
  options.behind_proxy = true;
  start(options);
  boost::asio::io_context context;
  auto first = known_connection(context);
  EXPECT_EQ(send("GET /vital HTTP/1.1\r\nHost: h\r\n\r\n"), "");
}

TEST_F(ServerTest, ATakenPortSaysWhatToDo) {
  start();
  ServerOptions options;
  options.port = server_->port();
  auto second = Server::start(context_.get().get_executor(), options, service_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(second.error().message(), HasSubstr("choose another port"));
  options.address = "not an address";
  EXPECT_THAT(Server::start(context_.get().get_executor(), options, service_), IsError(ErrorCode::Invalid));
  options = ServerOptions{};
  options.tls = TlsFiles{"no", "pem"};
  EXPECT_THAT(Server::start(context_.get().get_executor(), options, service_), IsError(ErrorCode::Invalid));
}

}  // namespace
}  // namespace latchkey::http
