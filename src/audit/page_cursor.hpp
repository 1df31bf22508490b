// The opaque `page` of the external keys' list: base64url of the time and the raw id of the last row seen and a check
// over them, the list's name and the organisation, so that a damaged or foreign one is told from a good one. It grants
// nothing, and it is good for as long as the list is: rows that were deleted since do not spoil it.
#pragma once

#include <string>

#include "base/id.hpp"
#include "store/store.hpp"

namespace latchkey::audit {

// Invalid where the place has no time, or an id of another kind.
[[nodiscard]] Result<std::string> make_page_cursor(std::string_view id_prefix, const Uuid& organization,
                                                   const store::ListPlace& last);
// The place of the last row seen. Invalid where this organisation's list never gave such a cursor.
[[nodiscard]] Result<store::ListPlace> read_page_cursor(std::string_view id_prefix, const Uuid& organization,
                                                        std::string_view cursor);

}  // namespace latchkey::audit
