// The part of an erased wrapped key that the store keeps until the key is in none of the database's files.
#pragma once

#include "base/bytes.hpp"

namespace latchkey::store {

// The number of last bytes that are kept.
inline constexpr std::size_t kErasedFormSize = 32;

// The masked last 32 bytes of a wrapped key, to search for it. Nothing can be unwrapped from them, and the mask keeps
// the search from finding the note itself. Masking twice restores the bytes.
[[nodiscard]] Bytes mask_erased(ByteView wrapped);

}  // namespace latchkey::store
