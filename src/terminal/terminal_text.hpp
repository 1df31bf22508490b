// What may reach a person's terminal. File names, ids and others' texts can hold control characters, with which they
// would move the cursor, rewrite lines above or answer in the person's place.
#pragma once

#include <string>
#include <string_view>

namespace latchkey::terminal {

// The text with U+FFFD in place of control characters and of what is not UTF-8, but for line feeds, tabs and the
// sequences by which `styled` colours.
[[nodiscard]] std::string terminal_text(std::string_view text);

// The same for one line, which line feeds and tabs would break.
[[nodiscard]] std::string terminal_line(std::string_view text);

}  // namespace latchkey::terminal
