#include "admin/key_location.hpp"

#include <fmt/format.h>

#include "base/id.hpp"

namespace latchkey::admin {

Result<kms::KeyLocation> key_location(const kms::Providers& clouds, const store::ExternalKey& row) {
  auto key = clouds.read_stored(row.provider, row.provider_config);
  if (!key) {
    return caused_by(key.error(), ErrorCode::Internal,
                     fmt::format("The provider_config of external key {} cannot be read from the store.", row.id));
  }
  return kms::KeyLocation(std::move(key).value(), {format_uuid(row.organization), row.id});
}

}  // namespace latchkey::admin
