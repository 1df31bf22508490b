#include "http/response_head.hpp"

#include <iterator>

#include <boost/beast/http/status.hpp>
#include <fmt/compile.h>
#include <fmt/format.h>

#include "base/log.hpp"
#include "http/field_text.hpp"

namespace latchkey::http {

namespace {

constexpr unsigned kNoContent = 204;
constexpr unsigned kNotModified = 304;
constexpr unsigned kOk = 200;

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool may_have_body(unsigned status) {
  return status != kNoContent && status != kNotModified;
}

void append_response_head(std::string& out, const Response& response, std::string_view server_name, bool keep_alive) {
  auto to = std::back_inserter(out);
  if (response.status == kOk) {
    out += "HTTP/1.1 200 OK\r\n";
  } else {
    auto reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(response.status));
    fmt::format_to(to, FMT_COMPILE("HTTP/1.1 {} {}\r\n"), response.status,
                   std::string_view(reason.data(), reason.size()));
  }
  for (const auto& [name, value] : response.headers) {
    if (is_field_name(name) && is_field_value(value)) {
      append_field(out, name, value);
    } else {
      SPDLOG_ERROR("the server left a header out of a response: its name or value cannot be sent");
    }
  }
  if (!server_name.empty() && !response.headers.has("server")) append_field(out, "Server", server_name);
  if (!keep_alive) append_field(out, "Connection", "close");
  if (may_have_body(response.status)) {
    fmt::format_to(to, FMT_COMPILE("Content-Length: {}\r\n"), response.body.size());
  }
  out += "\r\n";
}

}  // namespace latchkey::http
