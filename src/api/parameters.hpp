// Reads the parameters in the head of a request. An empty parameter counts as absent: the public clients send null so.
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
// The parameter "limit". Invalid where it is no whole number from 1 to `most`.
[[nodiscard]] Result<std::size_t> limit_parameter(const http::RequestHead& head, LimitBounds bounds);

[[nodiscard]] std::optional<std::string> text_parameter(const http::RequestHead& head, std::string_view name);
// "true" or "false"; false where absent.
[[nodiscard]] Result<bool> flag_parameter(const http::RequestHead& head, std::string_view name);
// Every non-empty value of "name[]" and "name", in order; absent where there is neither.
[[nodiscard]] std::optional<std::vector<std::string>> list_parameter(const http::RequestHead& head,
                                                                     std::string_view name);

inline constexpr std::string_view kOctetStream = "application/octet-stream";
// Whether the content-type, parameters aside, is application/octet-stream; handlers read all others as JSON.
[[nodiscard]] bool is_octet_stream(const http::RequestHead& head);

}  // namespace latchkey::api
