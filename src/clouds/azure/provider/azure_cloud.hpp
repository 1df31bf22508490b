// Azure as the server knows it before it runs (kms/cloud.hpp): the section [azure] of the settings, and the door that
// is made of them.
#pragma once

#include "kms/cloud.hpp"

namespace latchkey::clouds::azure {

[[nodiscard]] const kms::Cloud& cloud();

}  // namespace latchkey::clouds::azure
