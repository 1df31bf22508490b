// Lengths of UTF-8 texts in the units in which people and services state their limits. A text of 200 Han characters has
// 200 code points, 200 UTF-16 units and 600 bytes; an emoji has 1, 2 and 4. A byte that is not valid UTF-8 counts as
// one. Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace latchkey::utf8 {

// Unicode code points, which our own API calls characters.
[[nodiscard]] std::size_t code_points(std::string_view text);

// UTF-16 code units, the unit of .NET's string length, so Azure's services call them characters.
[[nodiscard]] std::size_t utf16_units(std::string_view text);

// The number of bytes of the well-formed sequence (RFC 3629) at the front of `text`; 0 where there is none.
[[nodiscard]] std::size_t sequence_length(std::string_view text);

}  // namespace latchkey::utf8
