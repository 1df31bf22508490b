// A response on its way to the client, as a Response's `deliver` sees it. The server implements it; an emulator uses it
// to deliver a response in ways that a production server must not.
#pragma once

#include <string_view>

#include "base/task.hpp"

namespace latchkey::http {

// Not thread-safe: its functions are called on the connection's executor, one at a time.
class ResponseStream {
 public:
  ResponseStream() = default;
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;
  virtual ~ResponseStream() = default;
  // The status line and the header fields, as they go over the wire.
  [[nodiscard]] virtual std::string_view head() const = 0;
  // Empty for a HEAD request.
  [[nodiscard]] virtual std::string_view body() const = 0;
  // False where the client is gone, or reads more slowly than the server's pace allows.
  [[nodiscard]] virtual Task<bool> send(std::string_view bytes) = 0;
  // Resets the connection; nothing can be sent afterwards.
  virtual void reset() = 0;
  // True once the server stops: a slow delivery gives up then.
  [[nodiscard]] virtual bool is_stopping() const = 0;
};

}  // namespace latchkey::http
