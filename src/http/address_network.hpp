// An address as the part of the network that one customer of a provider has at the least: an IPv4 address, or a /64 of
// IPv6 (RFC 6177). What is bounded per address is bounded per this.
#pragma once

#include <array>

#include <boost/asio/ip/address.hpp>

namespace latchkey::http {

using AddressNetwork = std::array<unsigned char, 8>;

// An IPv4 address and its IPv4-mapped form are one.
[[nodiscard]] AddressNetwork network_of(const boost::asio::ip::address& address);

}  // namespace latchkey::http
