// The key that a registration names.
#pragma once

#include "base/result.hpp"
#include "kms/providers.hpp"
#include "store/rows.hpp"

namespace latchkey::admin {

// Asked for the organisation that registered it. Internal where the store's text does not read.
[[nodiscard]] Result<kms::KeyLocation> key_location(const kms::Providers& clouds, const store::ExternalKey& row);

}  // namespace latchkey::admin
