// Errors are values. An Error says what happened (cause), what the caller does next (code), what a person does
// (cure), and, where programs outside must tell cases apart, which case it is (reason). It is data until it is
// rendered. "Refused" (KeyDenied, NetworkBlocked) and "could not be asked" (KeyUnreachable) are never one code: the
// first ends access to data, the second is to be waited out.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/error_code.hpp"
#include "base/reason.hpp"

namespace latchkey {

struct Error {
  ErrorCode code = ErrorCode::Internal;
  // What happened, to what: a sentence for a person. Never holds a secret.
  std::string cause = {};
  // Which case it is, for programs: an entry of docs/errors.md or docs/reasons.md; empty where the code says it all.
  Reason reason = {};
  // What the person does about it, with the command for it where there is one: to be pasted, so nothing of the case at
  // hand stands behind it. Empty where the cause says it, or where nothing is to be done.
  std::string cure = {};
  // By what the asked service finds the request in its own log: "x-ms-request-id: 1b2c", "req_01...".
  std::string request_id = {};
  // When trying again makes sense; absent where it does not or is not known.
  std::optional<std::chrono::milliseconds> retry_after = {};
  // What lies beneath; shared, for errors are copied to every waiter of a single flight.
  std::shared_ptr<const Error> beneath = {};

  // "<cause>. <cure> (<request id>)": for a person, and for the message of a JSON response. Nothing else renders an
  // error.
  [[nodiscard]] std::string message() const;
};

// Puts `beneath` under a new error. Its retry-after is kept.
[[nodiscard]] Error caused_by(Error beneath, ErrorCode code, std::string cause, Reason reason = {});

// "key_denied: message (caused by: ...)", for logs.
[[nodiscard]] std::string describe(const Error& error);

}  // namespace latchkey
