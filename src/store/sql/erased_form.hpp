// What is kept of a wrapped key that was erased, until nothing of it is left in the database's files.
#pragma once

#include "base/bytes.hpp"

namespace latchkey::store {

// How many of its last bytes are kept.
inline constexpr std::size_t kErasedFormSize = 32;

// What is kept of a wrapped key to find it by: its last 32 bytes, of which nothing can be unwrapped, and masked, so
// that the note itself is not found.
[[nodiscard]] Bytes mask_erased(ByteView wrapped);

}  // namespace latchkey::store
