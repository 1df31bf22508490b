// The head of a response as it goes over the wire. Internal to http/.
#pragma once

#include <string>

#include "http/server.hpp"

namespace latchkey::http {

// Appends the status line and the header fields, with the empty line behind them. A field that cannot be sent is left
// out, and the log says so.
void append_response_head(std::string& out, const Response& response, std::string_view server_name, bool keep_alive);
// Whether a response with this status has a body (RFC 9110 section 6.4.1).
[[nodiscard]] bool may_have_body(unsigned status);

}  // namespace latchkey::http
