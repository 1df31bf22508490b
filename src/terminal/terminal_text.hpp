// What may reach a person's terminal. File names, ids and texts of others can contain control characters, which would
// move the cursor, rewrite the lines above or type in the person's place.
#pragma once

#include <string>
#include <string_view>

namespace latchkey::terminal {

// The text with U+FFFD in place of control characters and of what is not UTF-8, but for line feeds, tabs and the
// sequences by which `styled` colours.
[[nodiscard]] std::string terminal_text(std::string_view text);

// The same for a text that must stay on one line: line feeds and tabs are replaced, too.
[[nodiscard]] std::string terminal_line(std::string_view text);

}  // namespace latchkey::terminal
