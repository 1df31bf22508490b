// Colour, on a terminal alone.
#pragma once

#include <string>
#include <string_view>

namespace latchkey::terminal {

enum class Style { Plain, Bold, Dim, Good, Bad, Warn, Accent };

// The text in that style where standard output is a terminal and NO_COLOR is unset; unchanged elsewhere.
[[nodiscard]] std::string styled(Style style, std::string_view text);

}  // namespace latchkey::terminal
