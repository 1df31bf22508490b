// Role definitions and assignments, beneath any scope.
#pragma once

#include "clouds/azure/emulator/arm/arm.hpp"
#include "clouds/azure/emulator/roles.hpp"

namespace latchkey::clouds::azure::emulator::arm {

// `scope_length` counts the segments before "providers/Microsoft.Authorization".
[[nodiscard]] Outcome<http::Response> role_definitions(const Call& call, std::size_t scope_length);
[[nodiscard]] Outcome<http::Response> list_role_assignments(const Call& call, std::size_t scope_length);
[[nodiscard]] Outcome<http::Response> one_role_assignment(const Call& call, std::size_t scope_length);

// The resource id of a role's definition, in the subscription that the call names.
[[nodiscard]] std::string definition_id(const Call& call, std::string_view role_id);
[[nodiscard]] Refusal definition_not_found(std::string_view id);

}  // namespace latchkey::clouds::azure::emulator::arm
