// Reading what the head of a request asks for. An empty parameter is an absent one: that is how the public clients send
// null.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/message.hpp"

namespace latchkey::api {

struct LimitBounds {
  std::size_t standard = 20;
  std::size_t most = 100;
};
// "limit". Invalid where it is no whole number within 1 and `most`.
[[nodiscard]] Result<std::size_t> limit_parameter(const http::RequestHead& head, LimitBounds bounds);

[[nodiscard]] std::optional<std::string> text_parameter(const http::RequestHead& head, std::string_view name);
// "true" or "false"; false where absent.
[[nodiscard]] Result<bool> flag_parameter(const http::RequestHead& head, std::string_view name);
// Every non-empty value of "name[]" and "name", in order; absent where there is neither.
[[nodiscard]] std::optional<std::vector<std::string>> list_parameter(const http::RequestHead& head,
                                                                     std::string_view name);

inline constexpr std::string_view kOctetStream = "application/octet-stream";
// Whether the content-type, parameters aside, is application/octet-stream; everything else is read as JSON.
[[nodiscard]] bool is_octet_stream(const http::RequestHead& head);

}  // namespace latchkey::api
