#include "base/id.hpp"

#include <algorithm>

#include <boost/uuid/uuid_io.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"

namespace latchkey {

namespace {
constexpr std::string_view kShapeVersion = "01";
}

RawId make_raw_id(RandomSource& random) {
  RawId raw;
  random.fill(raw);
  return raw;
}

std::string format_id(std::string_view prefix, const RawId& raw) {
  std::string id;
  id.reserve(prefix.size() + kShapeVersion.size() + kBase58Of128Size);
  id.append(prefix).append(kShapeVersion);
  append_base58_128(id, raw);
  return id;
}

std::string make_id(std::string_view prefix, RandomSource& random) {
  return format_id(prefix, make_raw_id(random));
}

Result<RawId> parse_id(std::string_view prefix, std::string_view text) {
  auto refuse = [&] {
    return Error{ErrorCode::Invalid, fmt::format("\"{}\" is not an id of the form {}{} and 22 characters",
                                                 text.substr(0, 64), prefix, kShapeVersion)};
  };
  if (!text.starts_with(prefix) || !text.substr(prefix.size()).starts_with(kShapeVersion)) return refuse();
  auto raw = base58_decode_128(text.substr(prefix.size() + kShapeVersion.size()));
  if (!raw) return refuse();
  return raw.value();
}

Uuid make_uuid(RandomSource& random) {
  Uuid uuid;
  random.fill(uuid.data);
  uuid.data[6] = static_cast<std::uint8_t>((uuid.data[6] & 0x0f) | 0x40);
  uuid.data[8] = static_cast<std::uint8_t>((uuid.data[8] & 0x3f) | 0x80);
  return uuid;
}

std::string format_uuid(const Uuid& uuid) {
  return boost::uuids::to_string(uuid);
}

Result<Uuid> parse_uuid(std::string_view text) {
  auto refuse = [&] {
    return Error{ErrorCode::Invalid,
                 fmt::format("\"{}\" is not a UUID such as f8a7b6c5-4d3e-4f1a-8b9c-0d1e2f3a4b5c", text.substr(0, 64))};
  };
  if (text.size() != 36) return refuse();
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return refuse();
    if (!dash) digits += text[i];
  }
  auto bytes = hex_decode(digits);
  if (!bytes) return refuse();
  Uuid uuid;
  std::copy(bytes.value().begin(), bytes.value().end(), uuid.begin());
  return uuid;
}

}  // namespace latchkey
