// Describes Azure to the server before it runs (kms/cloud.hpp): the section [azure] of the settings, and the Provider
// that is made from them.
#pragma once

#include "kms/cloud.hpp"

namespace latchkey::clouds::azure {

[[nodiscard]] const kms::Cloud& cloud();

}  // namespace latchkey::clouds::azure
