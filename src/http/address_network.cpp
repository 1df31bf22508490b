#include "http/address_network.hpp"

#include <algorithm>

namespace latchkey::http {

namespace ip = boost::asio::ip;

AddressNetwork network_of(const ip::address& address) {
  AddressNetwork network{};
  auto v6 = address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()) : address.to_v6();
  auto bytes = v6.to_bytes();
  // An IPv4 address is the last four bytes of its mapped form; no routed /64 of IPv6 begins with zeros.
  if (v6.is_v4_mapped()) {
    std::copy(bytes.begin() + 12, bytes.end(), network.begin() + 4);
  } else {
    std::copy_n(bytes.begin(), network.size(), network.begin());
  }
  return network;
}

}  // namespace latchkey::http
