#include "http/request_target.hpp"

#include <algorithm>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/predicate.hpp>

#include "http/url.hpp"

namespace latchkey::http {

namespace {

std::string_view without_scheme(std::string_view text) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (boost::algorithm::istarts_with(text, scheme)) return text.substr(scheme.size());
  }
  return {};
}

bool is_authority(const std::string& text) {
  if (text.find('@') != std::string::npos) return false;
  return parse_url("http://" + text + "/").has_value();
}

}  // namespace

std::optional<RequestTarget> read_target(std::string_view method, std::string_view text) {
  RequestTarget target;
  if (!text.starts_with('/') && text != "*") {
    auto rest = without_scheme(text);
    auto end = std::min(rest.find_first_of("/?#"), rest.size());
    target.authority = boost::to_lower_copy(std::string(rest.substr(0, end)));
    if (!is_authority(target.authority)) return std::nullopt;
    text = rest.substr(end);
    // RFC 9112 section 3.2.4: this is how the asterisk form looks before the last proxy.
    if (text.empty()) text = method == "OPTIONS" ? "*" : "/";
  }
  if (text == "*" && method != "OPTIONS") return std::nullopt;
  auto question = text.find('?');
  target.path = text.substr(0, question);
  if (question != std::string_view::npos) target.query = text.substr(question + 1);
  if (target.path.empty()) target.path = "/";
  bool is_path = target.path.starts_with('/') || target.path == "*";
  return is_path ? std::optional(std::move(target)) : std::nullopt;
}

}  // namespace latchkey::http
