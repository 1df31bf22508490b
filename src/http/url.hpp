// URLs and hosts, read as the client reads them (libcurl's URL API), so that the host that was checked is the host that
// the client connects to.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace latchkey::http {

struct Url {
  std::string scheme;      // lower case
  std::string host;        // lower case; an IPv4 address always in dotted form; IPv6 without brackets
  std::uint16_t port = 0;  // the scheme's own where none is given
  std::string path;        // as written; "/" where there is none
  bool has_user = false;
  bool has_query = false;
  bool has_fragment = false;
};

// Invalid where the text is no absolute http or https URL; the message does not repeat the text, which may hold a
// secret.
[[nodiscard]] Result<Url> parse_url(const std::string& text);

// The next three read what people write into a setting, with or without white space around it. Invalid where the text
// is anything else; the message says what is expected and does not repeat the text.

// A host that is reached over https: "https://Login.Example.com/", "login.example.com.", "login.example.com:443".
// Returns "login.example.com", or "login.example.com:8443" for another port.
[[nodiscard]] Result<std::string> read_host(std::string_view text);
// The suffix of hosts: ".Vault.Azure.NET", "vault.azure.net", "*.vault.azure.net", "https://vault.azure.net/". Returns
// ".vault.azure.net".
[[nodiscard]] Result<std::string> read_host_suffix(std::string_view text);
// The base URL of a server: "HTTPS://Keys.Example.com/", "http://127.0.0.1:8600/latchkey/". Returns it with scheme and
// host in lower case and without a slash at its end.
[[nodiscard]] Result<std::string> read_base_url(std::string_view text);

}  // namespace latchkey::http
