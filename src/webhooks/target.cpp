#include "webhooks/target.hpp"

#include <algorithm>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "http/client.hpp"
#include "http/url.hpp"

namespace latchkey::webhooks {

namespace {

Error refuse(std::string_view why) {
  return Error{ErrorCode::Invalid, fmt::format("url: {}", why)};
}

bool is_own_machine(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host == "localhost" || host.ends_with(".localhost");
}

}  // namespace

Result<void> check_target(const std::string& url, const TargetRules& rules) {
  auto parsed = http::parse_url(url);
  if (!parsed) return refuse("It " + parsed.error().message() + ".");
  const auto& target = parsed.value();
  if (!std::ranges::all_of(url, [](unsigned char c) { return c < 0x80; })) {
    return refuse(
        "It has characters that are not ASCII. Write the host as its xn-- name, and the rest percent-encoded.");
  }
  if (target.has_user) {
    return refuse("It names a user. Events are signed; check the signature instead, and leave user and password out.");
  }
  if (target.has_fragment) return refuse("It has a fragment (#...), which is never sent. Leave it out.");
  if (rules.allow_private) return success();
  if (target.scheme != "https") return refuse("It is not https. Give the endpoint a certificate, and use https://.");
  boost::system::error_code no_address;
  auto address = boost::asio::ip::make_address(target.host, no_address);
  if (is_own_machine(target.host) || (!no_address && !http::is_public_address(address))) {
    return refuse(
        "It is not a public address. Events are sent to public addresses alone; for development, start the server with "
        "--set webhooks.allow_private_addresses=true.");
  }
  return success();
}

}  // namespace latchkey::webhooks
