#include "clouds/azure/emulator/network.hpp"

#include <algorithm>

#include <boost/asio/ip/network_v4.hpp>
#include <fmt/format.h>

namespace latchkey::clouds::azure::emulator {

namespace {

namespace ip = boost::asio::ip;

std::optional<ip::network_v4> parse_range(std::string_view text) {
  constexpr unsigned short kSingle = 32;
  boost::system::error_code failed;
  if (text.find('/') == std::string_view::npos) {
    auto address = ip::make_address_v4(std::string(text), failed);
    if (failed) return std::nullopt;
    return ip::network_v4(address, kSingle);
  }
  auto network = ip::make_network_v4(std::string(text), failed);
  if (failed) return std::nullopt;
  return network.canonical();
}

bool contains(const ip::network_v4& range, const ip::network_v4& other) {
  return other.prefix_length() >= range.prefix_length() &&
         ip::network_v4(other.address(), range.prefix_length()).canonical() == range;
}

std::string vault_line(const Vault& vault) {
  return fmt::format("Vault: {};location={}", vault.name, vault.location);
}

}  // namespace

bool is_ip_rule(std::string_view rule) {
  auto range = parse_range(rule);
  if (!range) return false;
  for (std::string_view unroutable : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}) {
    if (contains(*parse_range(unroutable), *range)) return false;
  }
  return true;
}

bool is_in_range(std::string_view rule, std::string_view address) {
  // An IPv4 client of a socket that accepts both.
  constexpr std::string_view kMapped = "::ffff:";
  if (begins_with(address, kMapped)) address.remove_prefix(kMapped.size());
  auto range = parse_range(rule);
  auto single = parse_range(address);
  return range && single && contains(*range, *single);
}

const NetworkRules& rules_in_force(const Vault& vault, Seconds effective_before) {
  auto former = std::ranges::find_if(vault.former_network,
                                     [&](const FormerRules& rules) { return rules.until > effective_before; });
  return former == vault.former_network.end() ? vault.network : former->rules;
}

void keep_former_rules(const Vault& before, Vault& vault, Seconds now) {
  if (vault.network == before.network) return;
  std::erase_if(vault.former_network, [&](const FormerRules& rules) { return rules.until < now - kLongestDelay; });
  vault.former_network.push_back({before.network, now});
}

std::optional<Refusal> check_network(const Vault& vault, const NetworkRules& rules, std::string_view address,
                                     const Caller& caller) {
  if (!rules.public_access) {
    return Refusal{403, "Forbidden",
                   fmt::format("Public network access is disabled and request is not from a trusted service nor via an "
                               "approved private link.\r\nCaller: {}\r\n{}",
                               caller.described(), vault_line(vault)),
                   "ForbiddenByConnection"};
  }
  if (!rules.deny) return std::nullopt;
  bool is_listed = std::any_of(rules.ip_rules.begin(), rules.ip_rules.end(),
                               [&](const std::string& rule) { return is_in_range(rule, address); });
  if (is_listed) return std::nullopt;
  return Refusal{403, "Forbidden",
                 fmt::format("Client address is not authorized and caller is not a trusted service.\r\nClient address: "
                             "{}\r\nCaller: {}\r\n{}",
                             address, caller.described(), vault_line(vault)),
                 "ForbiddenByFirewall"};
}

}  // namespace latchkey::clouds::azure::emulator
