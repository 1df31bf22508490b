#include "http/transport.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include <climits>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "crypto/secret.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kTlsRecord = std::size_t{16} * 1024;

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(tcp::socket& socket) : socket_(socket) {}

  Progress shake_hands() override { return {.bytes = 1}; }

  Progress read(std::span<char> room) override {
    boost::system::error_code failed;
    auto bytes = socket_.read_some(asio::buffer(room.data(), room.size()), failed);
    return progress(bytes, failed, Progress::Wait::Readable);
  }

  Progress write(std::string_view first, std::string_view second) override {
    boost::system::error_code failed;
    std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    auto bytes = socket_.write_some(both, failed);
    return progress(bytes, failed, Progress::Wait::Writable);
  }

  void end() override {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

 private:
  static Progress progress(std::size_t bytes, const boost::system::error_code& failed, Progress::Wait wait) {
    if (!failed) return {.bytes = bytes};
    bool would_block = failed == asio::error::would_block || failed == asio::error::try_again;
    return would_block ? Progress{.wait = wait} : Progress{.is_over = true};
  }

  tcp::socket& socket_;
};

// OpenSSL on the socket itself: it reads and writes whole records, and needs no buffers between.
class TlsTransport final : public Transport {
 public:
  TlsTransport(tcp::socket& socket, SSL_CTX* context) : ssl_(SSL_new(context)) {
    if (!ssl_ || SSL_set_fd(ssl_.get(), socket.native_handle()) != 1) throw std::bad_alloc();
    SSL_set_accept_state(ssl_.get());
    SSL_set_mode(ssl_.get(),
                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  }

  Progress shake_hands() override {
    ERR_clear_error();
    return progress(1, SSL_do_handshake(ssl_.get()));
  }

  Progress read(std::span<char> room) override {
    ERR_clear_error();
    std::size_t bytes = 0;
    auto done = SSL_read_ex(ssl_.get(), room.data(), room.size(), &bytes);
    return progress(bytes, done);
  }

  // The head and the beginning of the body go into one record.
  Progress write(std::string_view first, std::string_view second) override {
    if (first.empty()) return write_one(second);
    if (second.empty() || first.size() >= kTlsRecord) return write_one(first);
    std::array<char, kTlsRecord> joined;
    auto of_second = std::min(second.size(), joined.size() - first.size());
    std::memcpy(joined.data(), first.data(), first.size());
    std::memcpy(joined.data() + first.size(), second.data(), of_second);
    auto size = first.size() + of_second;
    auto written = write_one({joined.data(), size});
    crypto::wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(joined.data()), size));
    return written;
  }

  void end() override {
    ERR_clear_error();
    if (!is_broken_ && SSL_in_init(ssl_.get()) == 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  Progress write_one(std::string_view text) {
    ERR_clear_error();
    std::size_t bytes = 0;
    auto done = SSL_write_ex(ssl_.get(), text.data(), text.size(), &bytes);
    return progress(bytes, done);
  }

  Progress progress(std::size_t bytes, int done) {
    if (done > 0) return {.bytes = bytes};
    switch (SSL_get_error(ssl_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        return {.wait = Progress::Wait::Readable};
      case SSL_ERROR_WANT_WRITE:
        return {.wait = Progress::Wait::Writable};
      default:
        is_broken_ = true;
        return {.is_over = true};
    }
  }

  std::unique_ptr<SSL, Free> ssl_;
  bool is_broken_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_transport(tcp::socket& socket, TlsContext* tls) {
  if (tls == nullptr) return std::make_unique<PlainTransport>(socket);
  return std::make_unique<TlsTransport>(socket, tls->context.native_handle());
}

}  // namespace latchkey::http
