// The bytes of a connection, with and without TLS. Nothing here waits: each function does what can be done at once, and
// says what has to be waited for. Internal to http/.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "http/tls_context.hpp"

namespace latchkey::http {

// Exactly one of the three is so.
struct Progress {
  enum class Wait { None, Readable, Writable };
  std::size_t bytes = 0;
  Wait wait = Wait::None;
  bool is_over = false;  // the other side has ended its half, or the connection is broken
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;
  // Before the first byte. `bytes` above 0: done.
  [[nodiscard]] virtual Progress shake_hands() = 0;
  // `room` is not empty.
  [[nodiscard]] virtual Progress read(std::span<char> room) = 0;
  // Of the two texts, which are not both empty, so many bytes from the front as go out at once. After Wait the caller
  // sends the same bytes again.
  [[nodiscard]] virtual Progress write(std::string_view first, std::string_view second) = 0;
  // Tells the other side that nothing more comes.
  virtual void end() = 0;
};

// The socket outlives the transport, and does not block. Null for `tls`: without TLS.
[[nodiscard]] std::unique_ptr<Transport> make_transport(boost::asio::ip::tcp::socket& socket, TlsContext* tls);

}  // namespace latchkey::http
