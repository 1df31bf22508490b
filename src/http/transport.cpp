#include "http/transport.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "crypto/secret.hpp"
#include "http/read_buffer.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kTlsRecord = std::size_t{16} * 1024;
// A record as it goes over the wire (RFC 8446 section 5.2, and RFC 5246 section 6.2.3 for TLS 1.2).
constexpr std::size_t kTlsRecordSent = kTlsRecord + 2048 + 5;

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(TimedSocket& socket) : socket_(socket) {}

  Task<bool> shake_hands() override { co_return true; }
  Task<std::size_t> read(std::span<char> room) override { return socket_.read_some(room); }

  Progress write(std::string_view first, std::string_view second) override {
    boost::system::error_code failed;
    std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    auto bytes = socket_.get().write_some(both, failed);
    if (!failed) return {.bytes = bytes};
    bool would_block = failed == asio::error::would_block || failed == asio::error::try_again;
    return {.must_wait = would_block, .is_over = !would_block};
  }

  void rest() override {}

  void end() override {
    boost::system::error_code ignored;
    socket_.get().shutdown(tcp::socket::shutdown_send, ignored);
  }

 private:
  TimedSocket& socket_;
};

// OpenSSL reads from a buffer that is filled from the socket, and writes to the socket itself. So each read of the
// socket takes all that is there, and not the few bytes that a record begins with.
class TlsTransport final : public Transport {
 public:
  TlsTransport(TimedSocket& socket, SSL_CTX* context) : socket_(socket), ssl_(SSL_new(context)) {
    if (!ssl_) throw std::bad_alloc();
    SSL_set0_rbio(ssl_.get(), make_source());
    SSL_set0_wbio(ssl_.get(), BIO_new_socket(socket.get().native_handle(), BIO_NOCLOSE));
    SSL_set_accept_state(ssl_.get());
    SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }

  Task<bool> shake_hands() override {
    while (is_usable()) {
      ERR_clear_error();
      auto done = SSL_do_handshake(ssl_.get());
      if (done == 1) co_return true;
      bool goes_on = co_await wait(SSL_get_error(ssl_.get(), done));
      if (!goes_on) co_return false;
    }
    co_return false;
  }

  Task<std::size_t> read(std::span<char> room) override {
    while (is_usable()) {
      ERR_clear_error();
      std::size_t bytes = 0;
      auto done = SSL_read_ex(ssl_.get(), room.data(), room.size(), &bytes);
      if (done == 1) co_return bytes;
      bool goes_on = co_await wait(SSL_get_error(ssl_.get(), done));
      if (!goes_on) co_return 0;
    }
    co_return 0;
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

  // OpenSSL's two buffers have 17 KiB each. To take and wipe them for each request costs more than the cipher.
  void rest() override {
    SSL_free_buffers(ssl_.get());
    came_.rest();
  }

  void end() override {
    ERR_clear_error();
    if (is_usable() && SSL_in_init(ssl_.get()) == 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

 private:
  // Not behind an error. And not behind the end of the socket: OpenSSL knows it by its number, which may be another
  // connection's by then. Both are true until the next wait, as all of a connection runs on one executor.
  [[nodiscard]] bool is_usable() const { return !is_broken_ && socket_.get().is_open(); }

  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  static int read_came(BIO* bio, char* out, std::size_t size, std::size_t* read) {
    auto& came = static_cast<TlsTransport*>(BIO_get_data(bio))->came_;
    BIO_clear_retry_flags(bio);
    if (came.empty()) {
      BIO_set_retry_read(bio);
      return 0;
    }
    auto bytes = came.unread().substr(0, size);
    std::memcpy(out, bytes.data(), bytes.size());
    came.consume(bytes.size());
    *read = bytes.size();
    return 1;
  }

  BIO* make_source() {
    static BIO_METHOD* const method = [] {
      auto* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "what came");
      BIO_meth_set_read_ex(made, read_came);
      BIO_meth_set_ctrl(made, [](BIO*, int, long, void*) -> long { return 0; });
      return made;
    }();
    auto* bio = BIO_new(method);
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    return bio;
  }

  // Waits for what OpenSSL wants; false where it wants nothing more, nothing comes or the time came.
  Task<bool> wait(int wanted) {
    if (wanted == SSL_ERROR_WANT_WRITE) co_return co_await socket_.wait(tcp::socket::wait_write);
    if (wanted != SSL_ERROR_WANT_READ) {
      is_broken_ = wanted != SSL_ERROR_ZERO_RETURN;
      ERR_clear_error();
      co_return false;
    }
    came_.release();
    auto room = came_.room();
    if (room.empty()) co_return false;
    auto bytes = co_await socket_.read_some(room);
    came_.commit(bytes);
    co_return bytes > 0;
  }

  Progress write_one(std::string_view text) {
    if (!is_usable()) return {.is_over = true};
    ERR_clear_error();
    std::size_t bytes = 0;
    auto done = SSL_write_ex(ssl_.get(), text.data(), text.size(), &bytes);
    if (done == 1) return {.bytes = bytes};
    bool must_wait = SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_WRITE;
    is_broken_ = !must_wait;
    ERR_clear_error();
    return {.must_wait = must_wait, .is_over = !must_wait};
  }

  TimedSocket& socket_;
  ReadBuffer came_{kTlsRecordSent};
  std::unique_ptr<SSL, Free> ssl_;
  bool is_broken_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_transport(TimedSocket& socket, TlsContext* tls) {
  if (tls == nullptr) return std::make_unique<PlainTransport>(socket);
  return std::make_unique<TlsTransport>(socket, tls->context.native_handle());
}

}  // namespace latchkey::http
