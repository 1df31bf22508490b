// What a caller does next about an error: the first thing that an Error says.
#pragma once

#include <string_view>

namespace latchkey {

enum class ErrorCode {
  Invalid,             // the request is wrong; the caller must change it
  Unauthenticated,     // no credential, or one that is not known
  PermissionDenied,    // a known credential without the right
  NotFound,            // no such thing, or none that this caller may know of
  Conflict,            // the thing's state forbids it now; read it again
  TooLarge,            // more bytes than allowed
  KeyDenied,           // the customer's key refuses: disabled, deleted, expired, access removed
  NetworkBlocked,      // the vault's network rules refuse us; the key may be healthy
  KeyUnreachable,      // the key could not be asked: time-out, throttling, outage
  ContextUnavailable,  // the workspace's encryption settings could not be read: fail closed
  WrongKey,            // the ciphertext was not made with this key or context
  Corrupt,             // the ciphertext or the stored bytes are damaged
  RateLimited,         // asked more often than is allowed; try again when retry_after has passed
  DeadlineExceeded,    // ran out of the caller's time
  Unavailable,         // this server cannot do it now (disk full, shutting down); try again
  Internal,            // a bug of ours
};

// The code's name in snake_case, for logs and metrics.
[[nodiscard]] std::string_view to_string(ErrorCode code);

}  // namespace latchkey
