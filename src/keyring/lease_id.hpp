// Names a data key of a compartment, and so its lease and its counts. Internal to keyring/.
#pragma once

#include <cstring>
#include <tuple>

#include "base/id.hpp"

namespace latchkey::keyring {

struct LeaseId {
  Uuid compartment;
  RawId data_key;
  bool operator==(const LeaseId&) const = default;
  bool operator<(const LeaseId& other) const {
    return std::tie(compartment, data_key) < std::tie(other.compartment, other.data_key);
  }
};

// Ids are random, and only those that the store knows get into the keyring: their bytes suffice as a hash.
struct HashId {
  static std::size_t first_bytes(const std::uint8_t* id) {
    std::size_t bytes = 0;
    std::memcpy(&bytes, id, sizeof bytes);
    return bytes;
  }
  std::size_t operator()(const Uuid& compartment) const { return first_bytes(compartment.data); }
  std::size_t operator()(const RawId& data_key) const { return first_bytes(data_key.data()); }
  std::size_t operator()(const LeaseId& id) const { return (*this)(id.compartment) ^ ((*this)(id.data_key) * 31); }
};

}  // namespace latchkey::keyring
