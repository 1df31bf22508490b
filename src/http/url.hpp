// URLs, read as the client reads them (libcurl's URL API), so that what is checked is what is connected to.
#pragma once

#include <string>

#include "base/result.hpp"

namespace latchkey::http {

struct Url {
  std::string scheme;      // lower case
  std::string host;        // lower case; an IPv4 address in dotted form however it was written; IPv6 without brackets
  std::uint16_t port = 0;  // the scheme's own where none is given
  bool has_user = false;
  bool has_fragment = false;
};

// Invalid where it is no absolute http or https URL; the message does not hold it, for it may hold a secret.
[[nodiscard]] Result<Url> parse_url(const std::string& text);

}  // namespace latchkey::http
