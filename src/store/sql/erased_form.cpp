#include "store/sql/erased_form.hpp"

#include <algorithm>

namespace latchkey::store {

Bytes mask_erased(ByteView wrapped) {
  constexpr std::uint8_t kMask = 0x5a;
  auto end = wrapped.last(std::min(wrapped.size(), kErasedFormSize));
  Bytes masked(end.begin(), end.end());
  for (auto& byte : masked) byte ^= kMask;
  return masked;
}

}  // namespace latchkey::store
