// The az and curl commands that carry out a step. In the plan's order they make a script for bash. Pure.
#pragma once

#include "clouds/azure/customer/plan.hpp"

namespace latchkey::clouds::azure::customer {

[[nodiscard]] std::vector<std::string> commands_for(StepKind kind, const CustomerState& state,
                                                    const Registration& registration, const SetupOptions& options);

}  // namespace latchkey::clouds::azure::customer
