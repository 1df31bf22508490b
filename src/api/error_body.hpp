// Errors as the contract's section 6 has them on the wire: status, type, message, details.error_code, request id. The
// one place where an ErrorCode becomes an HTTP status.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/message.hpp"

namespace latchkey::api {

struct WireError {
  unsigned status = 500;
  std::string_view type;  // "invalid_request_error", ...
  std::string message;
  std::string error_code;            // empty: no details
  std::optional<std::string> field;  // details.field
  std::optional<std::chrono::seconds> retry_after;
};

[[nodiscard]] WireError to_wire(const Error& error);
[[nodiscard]] http::Response error_response(const WireError& error, std::string_view request_id);

}  // namespace latchkey::api
