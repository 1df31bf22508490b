#include "http/response_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.hpp"
#include "testing/test_server.hpp"

namespace latchkey::http {
namespace {

using ::testing::EndsWith;
using testing::exchange;
using ::testing::HasSubstr;
using ::testing::Not;

Task<bool> send_in_pieces(ResponseStream& stream) {
  bool sent = co_await stream.send(stream.head());
  for (auto body = stream.body(); sent && !body.empty(); body.remove_prefix(1)) {
    sent = co_await stream.send(body.substr(0, 1));
  }
  co_return sent && !stream.is_stopping();
}

Task<bool> send_half(ResponseStream& stream) {
  co_await stream.send(stream.head());
  co_await stream.send(stream.body().substr(0, stream.body().size() / 2));
  co_return false;
}

Task<bool> reset(ResponseStream& stream) {
  stream.reset();
  co_return false;
}

// Delivers the response as the request's path says.
class DeliveringService final : public Service {
 public:
  [[nodiscard]] Task<Admission> admit(const RequestHead&) override { co_return Admission{}; }
  [[nodiscard]] Task<Response> handle(Request& request) override {
    Response response{200, {}, "0123456789"};
    if (request.path == "/pieces") response.deliver = send_in_pieces;
    if (request.path == "/half") response.deliver = send_half;
    if (request.path == "/reset") response.deliver = reset;
    co_return response;
  }
  [[nodiscard]] Response reject(Rejection, const RequestHead*) const override { return Response{500, {}, ""}; }
};

class ResponseStreamTest : public ::testing::Test {
 protected:
  static std::string request(const std::string& method, const std::string& path) {
    return method + " " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  std::string send(const std::string& requests) { return exchange(server_->port(), requests); }

  DeliveringService service_;
  testing::RunningContext context_;
  std::unique_ptr<Server> server_ =
      std::move(Server::start(context_.get().get_executor(), ServerOptions{}, service_)).value();
};

TEST_F(ResponseStreamTest, AConnectionServesOnAfterAWholeDelivery) {
  auto responses = send(request("GET", "/pieces") + request("GET", "/plain"));
  EXPECT_THAT(responses, HasSubstr("0123456789HTTP/1.1 200 OK"));
  EXPECT_THAT(responses, EndsWith("\r\n\r\n0123456789"));
}

TEST_F(ResponseStreamTest, AConnectionClosesAfterADeliveryThatFailed) {
  auto responses = send(request("GET", "/half") + request("GET", "/plain"));
  EXPECT_THAT(responses, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(responses, EndsWith("\r\n\r\n01234"));
}

TEST_F(ResponseStreamTest, AHeadRequestIsDeliveredWithoutABody) {
  auto responses = send(request("HEAD", "/pieces") + request("HEAD", "/plain"));
  EXPECT_THAT(responses, HasSubstr("\r\n\r\nHTTP/1.1 200 OK"));
  EXPECT_THAT(responses, Not(HasSubstr("0123456789")));
}

TEST_F(ResponseStreamTest, AResetReachesTheClient) {
  boost::asio::io_context outside;
  boost::asio::ip::tcp::socket client(outside);
  client.connect({boost::asio::ip::address_v4::loopback(), server_->port()});
  boost::asio::write(client, boost::asio::buffer(request("GET", "/reset")));
  std::string received;
  boost::system::error_code failed;
  boost::asio::read(client, boost::asio::dynamic_buffer(received), failed);
  EXPECT_EQ(failed, boost::asio::error::connection_reset);
  EXPECT_EQ(received, "");
}

}  // namespace
}  // namespace latchkey::http
