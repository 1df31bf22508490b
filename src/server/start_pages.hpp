// Gives back the memory that only the start of the program needed.
#pragma once

namespace latchkey::server {

// Lets the system take away the pages of code and constants: of all libraries, of which a start touches much that a
// server never needs again (the reading of options and settings, self-tests). They lie unchanged in files, and come
// back one by one where they are used.
void release_start_pages();

}  // namespace latchkey::server
