// The opaque `page` of the external keys' list: base64url of the raw id of the last row seen and a check over it, the
// list's name and the organisation, so that a damaged or foreign one is told from a good one. It grants nothing.
#pragma once

#include <string>

#include "base/id.hpp"

namespace latchkey::admin {

[[nodiscard]] Result<std::string> make_page_cursor(std::string_view id_prefix, const Uuid& organization,
                                                   std::string_view last_id);
// The id of the last row seen. Invalid where this organisation's list never gave such a cursor.
[[nodiscard]] Result<std::string> read_page_cursor(std::string_view id_prefix, const Uuid& organization,
                                                   std::string_view cursor);

}  // namespace latchkey::admin
