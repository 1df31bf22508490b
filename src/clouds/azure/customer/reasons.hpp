// Why a thing of the customer's could not be read or made, where it is we who say so. Beside these there are Azure's
// own codes, as they were reported.
#pragma once

#include "base/reason.hpp"

namespace latchkey::clouds::azure::customer {

// The host's name leads nowhere: no vault has it.
inline constexpr ReasonEntry kUnknownName{"UnknownName", ReasonClass::Other, ErrorCode::Unavailable};
// A vault of that name is there, in another resource group than the one that was named.
inline constexpr ReasonEntry kOtherResourceGroup{"OtherResourceGroup", ReasonClass::Other, ErrorCode::NotFound};

}  // namespace latchkey::clouds::azure::customer
