// The opaque `page` of lists: base64url of the time and the raw id of the last row seen, and of a check over them, the
// list's name and the organisation, by which a damaged or foreign cursor is recognised. A cursor grants nothing. It
// stays valid as long as the list exists, even where its row was deleted.
#pragma once

#include <string>

#include "base/id.hpp"
#include "store/store.hpp"

namespace latchkey::audit {

// Invalid where the place has no time, or has an id of another kind.
[[nodiscard]] Result<std::string> make_page_cursor(std::string_view id_prefix, const Uuid& organization,
                                                   const store::ListPlace& last);
// The place of the last row seen. Invalid where this organisation's list gave no such cursor.
[[nodiscard]] Result<store::ListPlace> read_page_cursor(std::string_view id_prefix, const Uuid& organization,
                                                        std::string_view cursor);

}  // namespace latchkey::audit
