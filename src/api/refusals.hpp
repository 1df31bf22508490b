// The responses to requests that reach no handler: those without a route, and those that the server itself refuses.
// Pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "api/error_body.hpp"
#include "base/error.hpp"
#include "http/message.hpp"
#include "http/server.hpp"

namespace latchkey::api {

[[nodiscard]] WireError not_found(const http::RequestHead& head);
// `allowed`: the methods of the path, as text.
[[nodiscard]] WireError wrong_method(const http::RequestHead& head, std::string_view allowed);
// A body above `limit` bytes.
[[nodiscard]] Error too_large(std::size_t limit);
// `body_limit`: the limit of the refused call, for BodyTooLarge.
[[nodiscard]] WireError rejection(http::Rejection why, std::size_t body_limit);

}  // namespace latchkey::api
