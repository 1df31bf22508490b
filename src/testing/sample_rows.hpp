// Rows for tests; a number distinguishes rows of one kind.
#pragma once

#include <fmt/format.h>

#include "store/rows.hpp"

namespace latchkey::store::testing {

inline Timestamp at(std::int64_t microseconds) {
  return Timestamp(std::chrono::microseconds(microseconds));
}

inline Uuid uuid_of(std::uint8_t kind, std::uint8_t number) {
  Uuid uuid{};
  uuid.data[0] = kind;
  uuid.data[15] = number;
  return uuid;
}

inline Organization organization(std::uint8_t number = 1) {
  return {.id = uuid_of(0x01, number), .name = fmt::format("Organisation {}", number), .created_at = at(number)};
}
inline const Organization kAcme = organization(1);
inline const Organization kOther = organization(2);

inline ApiKey api_key(const Organization& owner, std::uint8_t number) {
  return {.id = fmt::format("apikey_{:03}", number),
          .organization = owner.id,
          .role = Role::Admin,
          .workspace_id = std::nullopt,
          .name = fmt::format("Key {}", number),
          .hash = Bytes(32, number),
          .hint = fmt::format("...{:04}", number),
          .created_at = at(100 + number),
          .revoked_at = std::nullopt};
}

inline ExternalKey external_key(const Organization& owner, std::uint8_t number) {
  return {.id = fmt::format("ekey_{:03}", number),
          .organization = owner.id,
          .display_name = std::nullopt,
          .geo = "us",
          .provider = "memory",
          .provider_config = R"({"type":"memory"})",
          .created_at = at(200 + number),
          .updated_at = at(300 + number),
          .revision = 1};
}

inline Workspace workspace(const Organization& owner, std::uint8_t number) {
  return {.id = fmt::format("wrkspc_{:03}", number),
          .organization = owner.id,
          .compartment = uuid_of(0x02, number),
          .name = fmt::format("Workspace {}", number),
          .display_color = "#00ff00",
          .is_default = false,
          .external_key_id = std::nullopt,
          .workspace_geo = "us",
          .allowed_inference_geos = R"("unrestricted")",
          .default_inference_geo = "global",
          .tags = {},
          .created_at = at(400 + number),
          .archived_at = std::nullopt};
}

inline DataKey data_key(const Workspace& workspace, std::uint8_t number) {
  return {.id = RawId{0x03, number},
          .organization = workspace.organization,
          .compartment = workspace.compartment,
          .external_key_id = workspace.external_key_id,
          .key_version = fmt::format("version {}", number),
          .wrapped = Bytes{0x00, 0xff, number},
          .state = DataKeyState::Active,
          .created_at = at(500 + number)};
}

inline Activity activity(const Organization& owner, std::uint32_t number) {
  return {.id = fmt::format("activity_{:06}", number),
          .type = "org_external_key_created",
          .created_at = at(600 + number),
          .organization = owner.id,
          .actor_id = "apikey_001",
          .actor = R"({"type":"api_actor"})",
          .details = R"({"external_key_id":"ekey_001"})"};
}

}  // namespace latchkey::store::testing
