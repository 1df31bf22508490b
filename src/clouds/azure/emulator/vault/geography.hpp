// The geography of a region: a key's backup can be restored only within its geography. Pure.
#pragma once

#include <string_view>

namespace latchkey::clouds::azure::emulator {

// "United States" for "eastus". An unknown region is a geography of its own.
[[nodiscard]] std::string_view geography_of(std::string_view location);

}  // namespace latchkey::clouds::azure::emulator
