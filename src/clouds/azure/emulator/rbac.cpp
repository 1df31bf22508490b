#include "clouds/azure/emulator/rbac.hpp"

#include <algorithm>

#include "clouds/azure/emulator/roles.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

bool any_matches(const std::vector<std::string_view>& patterns, std::string_view action) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](std::string_view pattern) { return matches_wildcard(pattern, action); });
}

bool allows(const RoleDefinition& role, const AccessQuestion& question) {
  if (question.plane == Plane::Data) {
    return any_matches(role.data_actions, question.action) && !any_matches(role.not_data_actions, question.action);
  }
  return any_matches(role.actions, question.action) && !any_matches(role.not_actions, question.action);
}

template <class Accept>
bool any_role(const Model& model, const AccessQuestion& question, Accept accept) {
  auto grants = [&](const RoleAssignment& assignment) {
    if (!same(assignment.principal_id, question.principal_id)) return false;
    if (assignment.created > question.effective_before || !is_within(question.resource, assignment.scope)) return false;
    auto role = find_role(model, assignment.role_id);
    return role && allows(*role, question) && accept(*role);
  };
  return std::ranges::any_of(model.role_assignments, [&](const auto& entry) { return grants(entry.second); }) ||
         std::ranges::any_of(model.removed_assignments, [&](const RoleAssignment& assignment) {
           return assignment.removed > question.effective_before && grants(assignment);
         });
}

}  // namespace

bool is_within(std::string_view resource, std::string_view scope) {
  while (scope.ends_with('/')) scope.remove_suffix(1);
  if (!begins_with(resource, scope)) return false;
  return resource.size() == scope.size() || resource[scope.size()] == '/';
}

bool is_allowed(const Model& model, const AccessQuestion& question) {
  return any_role(model, question, [](const RoleDefinition&) { return true; });
}

bool may_assign(const Model& model, const AccessQuestion& question, std::string_view role_id) {
  return any_role(model, question, [&](const RoleDefinition& role) {
    return role.assignable_roles.empty() ||
           std::any_of(role.assignable_roles.begin(), role.assignable_roles.end(),
                       [&](std::string_view assignable) { return same(assignable, role_id); });
  });
}

}  // namespace latchkey::clouds::azure::emulator
