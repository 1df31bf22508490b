// For tests of servers: an echo service, a context with its own threads, a reserved port, and a raw client that sends
// bytes unchanged. Test code only.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "http/server.hpp"

namespace latchkey::http::testing {

// Responds with the request: method, path, query, body; "/throw" throws.
class EchoService final : public Service {
 public:
  std::size_t limit = 1000;
  std::atomic<int> asked_to_admit = 0;
  [[nodiscard]] bool is_vital(const RequestHead& head) const override { return head.path == "/vital"; }
  // The paths "/refused", "/stranger" (not known) and "/refused-stranger" behave as they say; "/admit-throws" throws.
  [[nodiscard]] Task<Admission> admit(const RequestHead& head) override {
    ++asked_to_admit;
    if (head.path == "/admit-throws") throw std::runtime_error("thrown");
    Admission admission;
    admission.known = !head.path.ends_with("stranger");
    admission.body_limit = limit;
    admission.call = std::make_shared<std::string>(head.path);
    if (head.path.starts_with("/refused")) admission.refusal = Response{401, {}, "who are you"};
    co_return admission;
  }
  [[nodiscard]] Task<Response> handle(Request& request) override {
    if (!request.admitted || *std::static_pointer_cast<std::string>(request.admitted) != request.path) {
      co_return Response{500, {}, "not admitted"};
    }
    if (request.path == "/throw") throw std::runtime_error("thrown");
    if (request.path == "/throw-number") throw 1;
    Response response;
    response.headers.set("content-type", "text/plain");
    response.headers.set("x-host", request.host);
    response.headers.set("x-seen", request.headers.get("x-sent"));
    if (request.path == "/split") response.headers.set("x-split", "a\r\nx-evil: 1");
    if (request.path == "/status") response.status = static_cast<unsigned>(std::stoul(request.raw_query));
    if (request.path == "/location") response = Response{302, {{"location", "/elsewhere"}}, "moved"};
    response.body = request.method + " " + request.path + " " + request.raw_query + "|" + request.body;
    co_return response;
  }
  [[nodiscard]] Response reject(Rejection why, const RequestHead* head) const override {
    static const std::vector<std::pair<unsigned, std::string>> kResponses{
        {400, "malformed"},  {431, "head"},   {413, "body"},   {408, "slow"},
        {503, "overloaded"}, {500, "failed"}, {503, "no room"}};
    const auto& [status, text] = kResponses[static_cast<std::size_t>(why)];
    return Response{status, {}, text + (head == nullptr ? "" : " " + head->path)};
  }
};

// A context that runs on two threads until destroyed.
class RunningContext {
 public:
  RunningContext() : work_(boost::asio::make_work_guard(context_)) {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { context_.run(); });
  }
  ~RunningContext() {
    work_.reset();
    context_.stop();
    for (auto& thread : threads_) thread.join();
  }
  RunningContext(const RunningContext&) = delete;
  RunningContext& operator=(const RunningContext&) = delete;
  boost::asio::io_context& get() { return context_; }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

// A local port where nothing listens, reserved so that no other process gets it meanwhile. A server of the test may
// listen on it.
class ReservedPort {
 public:
  ReservedPort() : socket_(context_) {
    socket_.open(boost::asio::ip::tcp::v4());
    socket_.set_option(boost::asio::socket_base::reuse_address(true));
    socket_.bind({boost::asio::ip::address_v4::loopback(), 0});
  }
  [[nodiscard]] std::uint16_t number() const { return socket_.local_endpoint().port(); }

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_;
};

// Connects to a local port, sends `bytes`, and returns everything that comes back until the other side closes.
inline std::string exchange(std::uint16_t port, std::string_view bytes, bool half_close = true) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket socket(context);
  socket.connect({boost::asio::ip::address_v4::loopback(), port});
  boost::system::error_code failed;
  boost::asio::write(socket, boost::asio::buffer(bytes), failed);
  if (half_close) socket.shutdown(boost::asio::ip::tcp::socket::shutdown_send, failed);
  std::string response;
  boost::asio::read(socket, boost::asio::dynamic_buffer(response), failed);
  return response;
}

}  // namespace latchkey::http::testing
