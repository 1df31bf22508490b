// Errors are values. An Error says what happened (cause), what the caller does next (code), what a person does
// (cure), and, where programs outside must tell cases apart, which case it is (reason). It is data until it is
// rendered. "Refused" (KeyDenied, NetworkBlocked) and "could not be asked" (KeyUnreachable) are never one code: the
// first ends access to data, the second is to be waited out.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
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

struct Error {
  ErrorCode code = ErrorCode::Internal;
  // What happened, to what: a sentence for a person. Never holds a secret.
  std::string cause = {};
  // A stable snake_case name for the case, from the catalogue in docs/errors.md; empty where the code says it all.
  std::string reason = {};
  // What the person does about it; where it is a command, the command alone can be pasted. Empty where the cause says
  // it, or where nothing is to be done.
  std::string cure = {};
  // The asked service's own name for the request, with the header that it came in: "x-ms-request-id: 1b2c".
  std::string request_id = {};
  // When trying again makes sense; absent where it does not or is not known.
  std::optional<std::chrono::milliseconds> retry_after = {};
  // What lies beneath; shared, for errors are copied to every waiter of a single flight.
  std::shared_ptr<const Error> beneath = {};

  // "<cause>. <cure> (<request id>)": for a person, and for a JSON answer's message. Nothing else renders an error.
  [[nodiscard]] std::string message() const;
};

// Puts `beneath` under a new error. Its retry-after is kept.
[[nodiscard]] Error caused_by(Error beneath, ErrorCode code, std::string cause, std::string reason = {});

// "key_denied: message (caused by: ...)", for logs.
[[nodiscard]] std::string describe(const Error& error);

}  // namespace latchkey
