// Every fault that Azure, or the way to it, can have.
#pragma once

#include <vector>

#include "clouds/azure/provider/testing/fault_fixture.hpp"

namespace latchkey::clouds::azure::testing {

// Faults of the token endpoint.
[[nodiscard]] std::vector<Fault> token_faults();
// Faults of reading a key.
[[nodiscard]] std::vector<Fault> get_faults();
// Faults of Place::Wrap or Place::Unwrap.
[[nodiscard]] std::vector<Fault> operation_faults(Place place);

}  // namespace latchkey::clouds::azure::testing
