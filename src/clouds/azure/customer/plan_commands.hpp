// The az and curl commands that do a step. Together, in the plan's order, they are a script for bash. Pure.
#pragma once

#include "clouds/azure/customer/plan.hpp"

namespace latchkey::clouds::azure::customer {

[[nodiscard]] std::vector<std::string> commands_for(StepKind kind, const CustomerState& state,
                                                    const Registration& registration, const SetupOptions& options);

}  // namespace latchkey::clouds::azure::customer
