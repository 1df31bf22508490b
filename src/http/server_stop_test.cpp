#include <array>
#include <future>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.hpp"
#include "testing/test_authority.hpp"
#include "testing/test_server.hpp"

namespace latchkey::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Holds every request until the test lets it go on.
class HoldingService final : public Service {
 public:
  [[nodiscard]] Task<Admission> admit(const RequestHead&) override { co_return Admission{}; }
  [[nodiscard]] Task<Response> handle(Request&) override {
    auto hold = [this](std::function<void()> resume) { held_.set_value(std::move(resume)); };
    auto held = suspend(std::move(hold));
    co_await std::move(held);
    co_return Response{200, {}, "finished"};
  }
  [[nodiscard]] Response reject(Rejection, const RequestHead*) const override { return Response{500, {}, ""}; }
  // Waits for the request; a call of the returned function lets the request go on.
  std::function<void()> held() { return held_.get_future().get(); }

 private:
  std::promise<std::function<void()>> held_;
};

class ServerStopTest : public ::testing::Test {
 protected:
  ServerStopTest() {
    ServerOptions options;
    options.port = port_.number();
    auto started = Server::start(context_.get().get_executor(), options, service_);
    server_ = std::move(started).value();
  }
  std::future<void> stop(std::chrono::milliseconds grace) {
    return asio::co_spawn(context_.get(), server_->stop(grace), asio::use_future);
  }
  tcp::socket connect() {
    tcp::socket socket(outside_);
    socket.connect({asio::ip::address_v4::loopback(), server_->port()});
    return socket;
  }
  static std::string read_all(tcp::socket& socket) {
    std::string text;
    boost::system::error_code failed;
    asio::read(socket, asio::dynamic_buffer(text), failed);
    return text;
  }
  static constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

  testing::ReservedPort port_;
  HoldingService service_;
  testing::RunningContext context_;
  std::unique_ptr<Server> server_;
  asio::io_context outside_;
};

TEST_F(ServerStopTest, ClosesIdleConnectionsAndTheDoor) {
  auto port = server_->port();
  auto idle = connect();
  stop(std::chrono::minutes(1)).get();
  EXPECT_EQ(read_all(idle), "");
  boost::system::error_code failed;
  tcp::socket late(outside_);
  late.connect({asio::ip::address_v4::loopback(), port}, failed);
  EXPECT_TRUE(failed);
}

TEST_F(ServerStopTest, TheDoorIsShutEvenWhereNobodyEverCame) {
  auto port = server_->port();
  stop(std::chrono::minutes(1)).get();
  boost::system::error_code failed;
  tcp::socket late(outside_);
  late.connect({asio::ip::address_v4::loopback(), port}, failed);
  EXPECT_TRUE(failed);
}

TEST_F(ServerStopTest, RunningRequestsAreAnsweredFirst) {
  auto client = connect();
  asio::write(client, asio::buffer(kRequest));
  auto go_on = service_.held();
  auto stopped = stop(std::chrono::minutes(1));
  EXPECT_EQ(stopped.wait_for(std::chrono::milliseconds(30)), std::future_status::timeout);
  go_on();
  stopped.get();
  auto response = read_all(client);
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(response, HasSubstr("Connection: close"));
  EXPECT_THAT(response, HasSubstr("finished"));
}

TEST_F(ServerStopTest, TheGraceEnds) {
  auto client = connect();
  asio::write(client, asio::buffer(kRequest));
  auto go_on = service_.held();
  stop(std::chrono::milliseconds(20)).get();
  EXPECT_EQ(read_all(client), "") << "closed without a response";
  go_on();
}

// The number of a closed socket may be a file's or another connection's at once. What a handler has to say to a
// connection that is closed meanwhile must not arrive there.
TEST(ServerStopTls, AResponseThatComesTooLateGoesToNobody) {
  constexpr std::size_t kPairs = 16;
  testing::TestAuthority authority;
  HoldingService service;
  IoThreads threads(1);
  std::thread runner([&] { threads.run(); });
  ServerOptions options;
  options.tls = authority.issue("IP:127.0.0.1");
  auto server = Server::start(threads, std::move(options), service).value();
  asio::io_context outside;
  asio::ssl::context tls(asio::ssl::context::tls_client);
  asio::ssl::stream<tcp::socket> client(outside, tls);
  client.next_layer().connect({asio::ip::address_v4::loopback(), server->port()});
  client.handshake(asio::ssl::stream_base::client);
  asio::write(client, asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: h\r\n\r\n")));
  auto go_on = service.held();
  asio::co_spawn(threads.first(), server->stop(std::chrono::milliseconds(0)), asio::use_future).get();
  // These take the numbers that are free now, the closed socket's among them.
  std::vector<std::array<int, 2>> pairs(kPairs);
  for (auto& pair : pairs) ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
  go_on();
  // The one thread has written the response, or not, before it runs this.
  for (int turn = 0; turn < 3; ++turn) asio::post(threads.first(), asio::use_future).get();
  for (const auto& pair : pairs) {
    for (int end : pair) {
      char byte = 0;
      EXPECT_EQ(::recv(end, &byte, 1, 0), -1) << "bytes for the connection that is closed";
    }
    for (int end : pair) ::close(end);
  }
  threads.stop();
  runner.join();
}

}  // namespace
}  // namespace latchkey::http
