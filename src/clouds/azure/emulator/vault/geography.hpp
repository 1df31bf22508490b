// Which geography a region lies in: the bounds within which a key's backup may be restored. Pure.
#pragma once

#include <string_view>

namespace latchkey::clouds::azure::emulator {

// "United States" for "eastus". A region that is not known is a geography of its own.
[[nodiscard]] std::string_view geography_of(std::string_view location);

}  // namespace latchkey::clouds::azure::emulator
