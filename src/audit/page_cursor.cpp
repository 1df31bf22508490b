#include "audit/page_cursor.hpp"

#include <algorithm>
#include <array>

#include <boost/endian/conversion.hpp>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace latchkey::audit {

namespace {

constexpr std::size_t kTimeSize = sizeof(std::int64_t);
constexpr std::size_t kCheckSize = 8;

using TimeBytes = std::array<std::uint8_t, kTimeSize>;

Bytes cursor_bytes(std::string_view id_prefix, const Uuid& organization, const TimeBytes& time, const RawId& id) {
  auto check = crypto::sha256(
      {as_bytes("latchkey-page-v2"), as_bytes(id_prefix), ByteView(organization.data), ByteView(time), ByteView(id)});
  Bytes bytes(time.begin(), time.end());
  bytes.insert(bytes.end(), id.begin(), id.end());
  bytes.insert(bytes.end(), check.begin(), check.begin() + kCheckSize);
  return bytes;
}

}  // namespace

Result<std::string> make_page_cursor(std::string_view id_prefix, const Uuid& organization,
                                     const store::ListPlace& last) {
  LATCHKEY_TRY(auto id, parse_id(id_prefix, last.id));
  if (!last.created_at) return Error{ErrorCode::Invalid, "A page cursor needs the time of the last row."};
  TimeBytes time;
  boost::endian::store_big_s64(time.data(), last.created_at->time_since_epoch().count());
  return base64url_encode(cursor_bytes(id_prefix, organization, time, id));
}

Result<store::ListPlace> read_page_cursor(std::string_view id_prefix, const Uuid& organization,
                                          std::string_view cursor) {
  auto refuse = [] {
    return Error{ErrorCode::Invalid,
                 "page: Not a cursor of this list",
                 {},
                 "Send the next_page of a response unchanged, or leave page out to begin with the first page."};
  };
  auto bytes = base64url_decode(cursor);
  TimeBytes time;
  RawId id;
  if (!bytes || bytes.value().size() != kTimeSize + id.size() + kCheckSize) return refuse();
  std::copy_n(bytes.value().begin(), kTimeSize, time.begin());
  std::copy_n(bytes.value().begin() + kTimeSize, id.size(), id.begin());
  if (bytes.value() != cursor_bytes(id_prefix, organization, time, id)) return refuse();
  Timestamp created_at(Timestamp::duration(boost::endian::load_big_s64(time.data())));
  return store::ListPlace(format_id(id_prefix, id), created_at);
}

}  // namespace latchkey::audit
