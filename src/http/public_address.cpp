#include <array>

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "http/client.hpp"

namespace latchkey::http {

namespace {

namespace ip = boost::asio::ip;

// IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its successors), multicast and class E.
constexpr std::array kSpecialV4{
    "0.0.0.0/8",       "10.0.0.0/8",    "100.64.0.0/10",   "127.0.0.0/8",     "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",    "192.0.2.0/24",  "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
    "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",  "224.0.0.0/4",    "240.0.0.0/4",
};

bool is_public_v4(const ip::address_v4& address) {
  for (const char* text : kSpecialV4) {
    auto network = ip::make_network_v4(text);
    if (ip::network_v4(address, network.prefix_length()).canonical() == network) return false;
  }
  return true;
}

bool within(const ip::address_v6& address, const char* text) {
  auto network = ip::make_network_v6(text);
  return ip::network_v6(address, network.prefix_length()).canonical() == network;
}

ip::address_v4 embedded(const ip::address_v6& address, std::size_t offset) {
  auto bytes = address.to_bytes();
  return ip::address_v4({bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]});
}

// Global unicast is 2000::/3; an address that embeds an IPv4 address is as public as that one.
bool is_public_v6(const ip::address_v6& address) {
  constexpr std::size_t kLastFour = 12;
  if (address.is_v4_mapped()) return is_public_v4(embedded(address, kLastFour));
  if (within(address, "64:ff9b::/96")) return is_public_v4(embedded(address, kLastFour));  // NAT64, RFC 6052
  if (!within(address, "2000::/3")) return false;
  if (within(address, "2002::/16")) return is_public_v4(embedded(address, 2));  // 6to4, RFC 3056
  for (const char* special : {"2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"}) {
    if (within(address, special)) return false;
  }
  return true;
}

}  // namespace

bool is_public_address(const ip::address& address) {
  return address.is_v4() ? is_public_v4(address.to_v4()) : is_public_v6(address.to_v6());
}

}  // namespace latchkey::http
