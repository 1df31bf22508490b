// Errors as the contract's section 6 has them on the wire: status, type, message, details.error_code, request id. The
// one place where an ErrorCode becomes an HTTP status.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/result.hpp"
#include "http/message.hpp"

namespace latchkey::api {

struct WireError {
  unsigned status = 500;
  std::string_view type;  // "invalid_request_error", ...
  std::string message;
  std::string error_code;  // details.error_code
  std::string reason;      // details.reason: why the key does not serve
  std::optional<std::chrono::seconds> retry_after;
  bool final = false;  // "x-should-retry: false": a retry would only meet the same
};

// Codes that the API puts on the wire for every error of one ErrorCode, beside the reasons that errors bring.
namespace error_code {
inline constexpr ReasonEntry kKeyDisabled{"cmek_key_disabled", ReasonClass::Other, ErrorCode::KeyDenied};
inline constexpr ReasonEntry kNetworkBlocked{"cmek_key_network_blocked", ReasonClass::Other, ErrorCode::NetworkBlocked};
inline constexpr ReasonEntry kUnreachable{"cmek_key_unreachable", ReasonClass::Other, ErrorCode::KeyUnreachable};
inline constexpr ReasonEntry kContextUnavailable{"cmek_context_unavailable", ReasonClass::Other,
                                                 ErrorCode::ContextUnavailable};
}  // namespace error_code

[[nodiscard]] WireError to_wire(const Error& error);
// {"type", "message", "details"?}: the object under "error".
[[nodiscard]] boost::json::object error_object(const WireError& error);
[[nodiscard]] http::Response error_response(const WireError& error, std::string_view request_id);

}  // namespace latchkey::api
