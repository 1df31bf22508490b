// The smallest part of the network that a provider gives to one customer: an IPv4 address, or a /64 of IPv6 (RFC 6177).
// Every bound "per address" counts by this part.
#pragma once

#include <array>

#include <boost/asio/ip/address.hpp>

namespace latchkey::http {

using AddressNetwork = std::array<unsigned char, 8>;

// An IPv4 address and its IPv4-mapped IPv6 form give the same network.
[[nodiscard]] AddressNetwork network_of(const boost::asio::ip::address& address);

}  // namespace latchkey::http
