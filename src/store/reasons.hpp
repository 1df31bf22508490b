// Why the store did not do something: nothing was changed.
#pragma once

#include "base/reason.hpp"

namespace latchkey::store::reason {

inline constexpr ReasonEntry kStorageFull{"storage_full", ReasonClass::Other, ErrorCode::Unavailable};
inline constexpr ReasonEntry kStoreTimeout{"store_timeout", ReasonClass::Other, ErrorCode::Unavailable};
inline constexpr ReasonEntry kStoreBusy{"store_busy", ReasonClass::Other, ErrorCode::Unavailable};

}  // namespace latchkey::store::reason
