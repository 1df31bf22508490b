#include "clouds/azure/emulator/arm/arm_roles.hpp"

namespace latchkey::clouds::azure::emulator::arm {

std::optional<Outcome<http::Response>> handle_roles(Call& call) {
  // The last "providers/Microsoft.Authorization" ends the scope.
  const auto& path = call.path;
  for (std::size_t i = path.size(); i-- > 0;) {
    if (!same(path[i], "providers") || i + 2 >= path.size() || !same(path[i + 1], "Microsoft.Authorization")) continue;
    auto rest = path.size() - i;
    if (same(path[i + 2], "roleDefinitions") && (rest == 3 || rest == 4)) return role_definitions(call, i);
    if (same(path[i + 2], "roleAssignments") && rest == 3) return list_role_assignments(call, i);
    if (same(path[i + 2], "roleAssignments") && rest == 4) return one_role_assignment(call, i);
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace latchkey::clouds::azure::emulator::arm
