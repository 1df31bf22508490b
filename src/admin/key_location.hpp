// The key that a registration names.
#pragma once

#include "base/result.hpp"
#include "kms/providers.hpp"
#include "store/rows.hpp"

namespace latchkey::admin {

// The location says that the organisation that registered the key asks. Internal where the stored text cannot be read.
[[nodiscard]] Result<kms::KeyLocation> key_location(const kms::Providers& clouds, const store::ExternalKey& row);

}  // namespace latchkey::admin
