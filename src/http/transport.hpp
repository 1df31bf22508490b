// The bytes of a connection, with and without TLS. Internal to http/.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/task.hpp"
#include "http/timed_socket.hpp"
#include "http/tls_context.hpp"

namespace latchkey::http {

// What came of writing: bytes, or else one of the others.
struct Progress {
  std::size_t bytes = 0;
  bool must_wait = false;  // until the socket has room
  bool is_over = false;    // the connection is broken
};

// All functions are called on the socket's executor. Those that wait do so until the socket's time comes.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;
  // Before the first byte. False where it fails.
  [[nodiscard]] virtual Task<bool> shake_hands() = 0;
  // Reads what comes; 0 where nothing comes any more, or nothing came in time. `room` is not empty.
  [[nodiscard]] virtual Task<std::size_t> read(std::span<char> room) = 0;
  // Sends of the two texts, which are not both empty, as much from the front as goes out at once. Where the caller has
  // to wait it sends the same bytes again.
  [[nodiscard]] virtual Progress write(std::string_view first, std::string_view second) = 0;
  // Gives memory back that the next read or write takes again: for a connection that waits for long.
  virtual void rest() = 0;
  // Tells the other side that nothing more comes.
  virtual void end() = 0;
};

// The socket outlives the transport. Null for `tls`: without TLS.
[[nodiscard]] std::unique_ptr<Transport> make_transport(TimedSocket& socket, TlsContext* tls);

}  // namespace latchkey::http
