// A root key for the stores of tests, the same in every process.
#pragma once

#include "store/sealing.hpp"

namespace latchkey::store::testing {

inline std::shared_ptr<const RowSealer> sealer(std::uint8_t number = 1) {
  RowSealer::Keys keys;
  keys.push_back({SealKeyId{number}, crypto::SecretBytes(Bytes(32, number))});
  return std::make_shared<const RowSealer>(std::move(keys));
}

inline SealerSource sealer_source(std::uint8_t number = 1) {
  return [number](const StoreState&) -> Result<std::shared_ptr<const RowSealer>> { return sealer(number); };
}

}  // namespace latchkey::store::testing
