// The target of a request line (RFC 9112 section 3.2). Internal to http/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace latchkey::http {

struct RequestTarget {
  std::string
      authority;      // of the absolute form, in lower case, with its port where it has one; empty for the other forms
  std::string path;   // as sent; "*" for OPTIONS of the whole server
  std::string query;  // as sent, without '?'
};

// Accepts the origin form, the absolute form of http and https, and, for OPTIONS alone, the asterisk form. Null for
// everything else, including an absolute form whose authority is no host or names a user (RFC 9110 section 4.2.4).
[[nodiscard]] std::optional<RequestTarget> read_target(std::string_view method, std::string_view text);

}  // namespace latchkey::http
