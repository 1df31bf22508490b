#include "admin/page_cursor.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace latchkey::admin {

namespace {

constexpr std::size_t kCheckSize = 8;

Bytes cursor_bytes(std::string_view id_prefix, const Uuid& organization, const RawId& id) {
  auto check =
      crypto::sha256({as_bytes("latchkey-page-v1"), as_bytes(id_prefix), ByteView(organization.data), ByteView(id)});
  Bytes bytes(id.begin(), id.end());
  bytes.insert(bytes.end(), check.begin(), check.begin() + kCheckSize);
  return bytes;
}

}  // namespace

Result<std::string> make_page_cursor(std::string_view id_prefix, const Uuid& organization, std::string_view last_id) {
  LATCHKEY_TRY(auto id, parse_id(id_prefix, last_id));
  return base64url_encode(cursor_bytes(id_prefix, organization, id));
}

Result<std::string> read_page_cursor(std::string_view id_prefix, const Uuid& organization, std::string_view cursor) {
  auto refuse = [] {
    return Error{
        ErrorCode::Invalid,
        "page: Not a cursor of this list. Send the next_page of an answer unchanged, or leave page out to begin "
        "with the first page."};
  };
  auto bytes = base64url_decode(cursor);
  RawId id;
  if (!bytes || bytes.value().size() != id.size() + kCheckSize) return refuse();
  std::copy_n(bytes.value().begin(), id.size(), id.begin());
  if (bytes.value() != cursor_bytes(id_prefix, organization, id)) return refuse();
  return format_id(id_prefix, id);
}

}  // namespace latchkey::admin
