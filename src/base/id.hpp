// Ids whose prefix tells their kind: prefix + "01" + 16 random bytes as 22 base58 characters, for example
// "ekey_01SDCCSbTxrXDpWc1phhtcfK". "01" is the version of the format. UUIDs (organisations, compartments) are RFC 4122
// v4. Pure functions; safe from any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <boost/uuid/uuid.hpp>

#include "base/random.hpp"
#include "base/result.hpp"

namespace latchkey {

using Uuid = boost::uuids::uuid;
// The 16 bytes inside an id.
using RawId = std::array<std::uint8_t, 16>;

namespace id_prefix {
inline constexpr std::string_view kExternalKey = "ekey_";
inline constexpr std::string_view kWorkspace = "wrkspc_";
inline constexpr std::string_view kDataKey = "dk_";
inline constexpr std::string_view kActivity = "activity_";
inline constexpr std::string_view kApiKey = "apikey_";
inline constexpr std::string_view kRequest = "req_";
inline constexpr std::string_view kOrganization = "org_";
inline constexpr std::string_view kWebhookEndpoint = "whep_";
inline constexpr std::string_view kWebhookDelivery = "whdl_";
inline constexpr std::string_view kEvent = "evt_";
}  // namespace id_prefix

[[nodiscard]] std::string make_id(std::string_view prefix, RandomSource& random);
[[nodiscard]] std::string format_id(std::string_view prefix, const RawId& raw);
// Invalid where prefix, version or form differ.
[[nodiscard]] Result<RawId> parse_id(std::string_view prefix, std::string_view text);
[[nodiscard]] RawId make_raw_id(RandomSource& random);

[[nodiscard]] Uuid make_uuid(RandomSource& random);
// Lower case, 8-4-4-4-12.
[[nodiscard]] std::string format_uuid(const Uuid& uuid);
// Takes 8-4-4-4-12 in either case; Invalid for anything else (braces, URN).
[[nodiscard]] Result<Uuid> parse_uuid(std::string_view text);

}  // namespace latchkey
