#include <algorithm>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "emulator/azure/arm.hpp"
#include "emulator/azure/rbac.hpp"
#include "emulator/azure/roles.hpp"

namespace latchkey::emulator::azure::arm {

namespace json = boost::json;

namespace {

json::array texts(const std::vector<std::string_view>& values) {
  json::array list;
  for (auto value : values) list.emplace_back(value);
  return list;
}

std::string_view type_of(const RoleDefinition& role) {
  return role.is_custom ? "CustomRole" : "BuiltInRole";
}

// A customer's role is its own tenant's matter, and of use only where its scopes are.
bool is_offered(const Model& model, const CustomRole& role, const std::string& scope) {
  auto subscription = std::find_if(model.subscriptions.begin(), model.subscriptions.end(),
                                   [&](const auto& one) { return begins_with(scope, "/subscriptions/" + one.first); });
  if (subscription == model.subscriptions.end() || subscription->second.tenant_id != role.tenant_id) return false;
  return std::any_of(role.assignable_scopes.begin(), role.assignable_scopes.end(), [&](const std::string& assignable) {
    return is_within(scope, assignable) || is_within(assignable, scope);
  });
}

std::string definition_id(const Call& call, std::string_view role_id) {
  auto prefix = !call.path.empty() && same(call.path[0], "subscriptions") ? call.scope(2) : std::string();
  return fmt::format("{}/providers/Microsoft.Authorization/roleDefinitions/{}", prefix, role_id);
}

json::object show_definition(const Call& call, const RoleDefinition& role) {
  json::object permission{{"actions", texts(role.actions)},
                          {"notActions", texts(role.not_actions)},
                          {"dataActions", texts(role.data_actions)},
                          {"notDataActions", texts(role.not_data_actions)}};
  return {{"properties",
           json::object{{"roleName", role.name},
                        {"type", type_of(role)},
                        {"description", role.description},
                        {"assignableScopes", role.is_custom ? texts(role.assignable_scopes) : json::array{"/"}},
                        {"permissions", json::array{std::move(permission)}}}},
          {"id", definition_id(call, role.id)},
          {"type", "Microsoft.Authorization/roleDefinitions"},
          {"name", role.id}};
}

json::object show_assignment(const Call& call, const RoleAssignment& assignment) {
  auto time = arm_time(assignment.created);
  return {{"properties", json::object{{"roleDefinitionId", definition_id(call, assignment.role_id)},
                                      {"principalId", assignment.principal_id},
                                      {"principalType", assignment.principal_type},
                                      {"scope", assignment.scope},
                                      {"condition", nullptr},
                                      {"conditionVersion", nullptr},
                                      {"createdOn", time},
                                      {"updatedOn", time},
                                      {"createdBy", assignment.created_by},
                                      {"updatedBy", assignment.created_by},
                                      {"delegatedManagedIdentityResourceId", nullptr},
                                      {"description", nullptr}}},
          {"id", fmt::format("{}/providers/Microsoft.Authorization/roleAssignments/{}",
                             assignment.scope == "/" ? "" : assignment.scope, assignment.name)},
          {"type", "Microsoft.Authorization/roleAssignments"},
          {"name", assignment.name}};
}

Refusal definition_not_found(std::string_view id) {
  return {400, "RoleDefinitionDoesNotExist",
          fmt::format("The specified role definition with ID '{}' does not exist.", json_fields::clean_text(id))};
}

// The scope must be of something that is there; beneath a vault anything goes, keys being no resources of this service.
Outcome<void> check_scope(const Call& call, std::size_t length) {
  const auto& path = call.path;
  if (length < 2 || !same(path[0], "subscriptions")) {
    return bad_request(fmt::format("The scope '{}' is not valid.", json_fields::clean_text(call.scope(length), 512)));
  }
  if (length >= 4 && same(path[2], "resourceGroups") && find_resource_group(*call.model, path[1], path[3]) == nullptr) {
    return group_not_found(path[3]);
  }
  if (length >= 8 && same(path[4], "providers") && same(path[5], "Microsoft.KeyVault") && same(path[6], "vaults")) {
    LATCHKEY_TRYV(vault_at(*call.model, path));
  }
  return success();
}

Outcome<std::vector<std::string>> read_texts(const json::object& object, std::string_view name) {
  constexpr std::size_t kMost = 2048;
  std::vector<std::string> result;
  const auto* list = object.if_contains(name);
  if (list == nullptr || list->is_null()) return result;
  bool fits = list->is_array() && list->get_array().size() <= kMost;
  if (fits) {
    for (const auto& item : list->get_array()) {
      fits = fits && item.is_string() && item.get_string().size() <= kMost;
      if (fits) result.emplace_back(item.get_string());
    }
  }
  if (!fits) return bad_request(fmt::format("The property '{}' is a list of texts.", name));
  return result;
}

Outcome<void> read_permission(const json::value& item, CustomRole& role) {
  if (!item.is_object()) return bad_request("The property 'permissions' is a list of objects.");
  const auto& permission = item.get_object();
  LATCHKEY_TRY(role.actions, read_texts(permission, "actions"));
  LATCHKEY_TRY(role.not_actions, read_texts(permission, "notActions"));
  LATCHKEY_TRY(role.data_actions, read_texts(permission, "dataActions"));
  LATCHKEY_TRY(role.not_data_actions, read_texts(permission, "notDataActions"));
  return success();
}

Outcome<CustomRole> read_definition(const Call& call) {
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* value = body.if_contains("properties");
  const auto& properties = value != nullptr && value->is_object() ? value->get_object() : body;
  auto text = [&](std::string_view name) {
    const auto* field = properties.if_contains(name);
    return field != nullptr && field->is_string() ? json_fields::clean_text(field->get_string(), 512) : std::string();
  };
  CustomRole role;
  role.id = lower(call.path.back());
  role.tenant_id = call.model->subscriptions.at(lower(call.path[1])).tenant_id;
  role.name = text("roleName");
  role.description = text("description");
  if (role.name.empty()) return bad_request("The property 'roleName' is required.");
  const auto* permissions = properties.if_contains("permissions");
  if (permissions == nullptr || !permissions->is_array() || permissions->get_array().size() != 1) {
    return bad_request("The property 'permissions' is a list of one permission.");
  }
  LATCHKEY_TRYV(read_permission(permissions->get_array()[0], role));
  LATCHKEY_TRY(role.assignable_scopes, read_texts(properties, "assignableScopes"));
  if (role.assignable_scopes.empty()) role.assignable_scopes = {call.scope(2)};
  return role;
}

Outcome<http::Response> put_definition(const Call& call) {
  constexpr std::string_view kAction = "Microsoft.Authorization/roleDefinitions/write";
  if (!is_guid(call.path.back()) || !same(call.path[0], "subscriptions")) {
    return bad_request("A role definition is named by a GUID, within a subscription.");
  }
  if (find_role(call.path.back()) != nullptr) {
    return Refusal{400, "RoleDefinitionIsBuiltIn", "A built-in role cannot be changed."};
  }
  LATCHKEY_TRY(auto role, read_definition(call));
  for (const auto& scope : role.assignable_scopes) {
    LATCHKEY_TRYV(call.require(kAction, scope));
  }
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto has_name = [&](std::string_view other) { return same(other, role.name); };
    bool is_taken = std::any_of(built_in_roles().begin(), built_in_roles().end(),
                                [&](const RoleDefinition& other) { return has_name(other.name); });
    for (const auto& [id, other] : model.custom_roles) {
      is_taken = is_taken || (id != role.id && other.tenant_id == role.tenant_id && has_name(other.name));
    }
    if (is_taken) {
      return Refusal{409, "RoleDefinitionWithSameNameExists",
                     fmt::format("A custom role with the same name already exists in this directory. Use a different "
                                 "name: '{}'.",
                                 role.name)};
    }
    auto result = show_definition(call, view_of(role));
    model.custom_roles.insert_or_assign(role.id, role);
    return result;
  }));
  return json_response(201, shown);
}

Outcome<http::Response> delete_definition(const Call& call, const std::string& scope) {
  LATCHKEY_TRYV(call.require("Microsoft.Authorization/roleDefinitions/delete", scope));
  auto id = lower(call.path.back());
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto found = model.custom_roles.find(id);
    if (found == model.custom_roles.end()) return json::object();
    bool is_used = std::any_of(model.role_assignments.begin(), model.role_assignments.end(),
                               [&](const auto& entry) { return same(entry.second.role_id, id); });
    if (is_used) {
      return Refusal{400, "RoleDefinitionHasAssignments",
                     "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)."};
    }
    auto last = show_definition(call, view_of(found->second));
    model.custom_roles.erase(found);
    return last;
  }));
  return shown.empty() ? empty_response(204) : json_response(200, shown);
}

Outcome<http::Response> list_definitions(const Call& call, const std::string& scope) {
  LATCHKEY_TRY(auto filter, read_filter(call.request));
  json::array items;
  auto add = [&](const RoleDefinition& role) {
    bool fits = std::all_of(filter.begin(), filter.end(), [&](const FilterClause& clause) {
      if (clause.field == "rolename") return passes(clause, role.name);
      if (clause.field == "type") return passes(clause, type_of(role));
      return clause.kind == FilterKind::Call;
    });
    if (fits) items.push_back(show_definition(call, role));
  };
  for (const auto& role : built_in_roles()) add(role);
  for (const auto& [id, role] : call.model->custom_roles) {
    if (is_offered(*call.model, role, scope)) add(view_of(role));
  }
  return json_response(200, json::object{{"value", std::move(items)}});
}

Outcome<http::Response> definitions(const Call& call, std::size_t scope_length) {
  auto scope = call.scope(scope_length);
  bool is_one = call.path.size() == scope_length + 4;
  if (is_one && call.method() == "PUT") return put_definition(call);
  if (is_one && call.method() == "DELETE") return delete_definition(call, scope);
  if (call.method() != "GET") return method_not_allowed(call);
  LATCHKEY_TRYV(call.require("Microsoft.Authorization/roleDefinitions/read", scope));
  if (!is_one) return list_definitions(call, scope);
  auto role = find_role(*call.model, call.path.back());
  if (!role) return Refusal{404, "RoleDefinitionDoesNotExist", definition_not_found(call.path.back()).message};
  return json_response(200, show_definition(call, *role));
}

struct NewAssignment {
  std::string role_id;
  std::string principal_id;
  std::string principal_type;
};

Outcome<NewAssignment> read_assignment(const Call& call) {
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* value = body.if_contains("properties");
  const auto& properties = value != nullptr && value->is_object() ? value->get_object() : body;
  auto text = [&](std::string_view name) {
    const auto* field = properties.if_contains(name);
    return field != nullptr && field->is_string() ? std::string(field->get_string()) : std::string();
  };
  auto definition = text("roleDefinitionId");
  NewAssignment wanted{lower(definition.substr(definition.rfind('/') + 1)), lower(text("principalId")),
                       text("principalType")};
  if (!is_guid(wanted.principal_id)) {
    return Refusal{400, "InvalidPrincipalId",
                   fmt::format("The Principal ID '{}' is not valid. Principal ID must be a GUID.",
                               json_fields::clean_text(wanted.principal_id))};
  }
  auto role = find_role(*call.model, wanted.role_id);
  auto at = call.scope(call.path.size() - 4);
  bool may_be_here =
      role && (!role->is_custom || std::any_of(role->assignable_scopes.begin(), role->assignable_scopes.end(),
                                               [&](std::string_view scope) { return is_within(at, scope); }));
  if (!may_be_here) return definition_not_found(wanted.role_id);
  auto principal = call.model->service_principals.find(wanted.principal_id);
  const auto& tenant = call.model->subscriptions.at(lower(call.path[1])).tenant_id;
  if (principal == call.model->service_principals.end() || principal->second.tenant_id != tenant) {
    return Refusal{
        400, "PrincipalNotFound",
        fmt::format("Principal {} does not exist in the directory {}. Check that you have the correct principal "
                    "ID. If you are creating this principal and then immediately assigning a role, this error "
                    "might be related to a replication delay. In this case, set the role assignment "
                    "principalType property to a value, such as ServicePrincipal, User, or Group.  See "
                    "https://aka.ms/docs-principaltype",
                    wanted.principal_id, tenant)};
  }
  if (!wanted.principal_type.empty() && !same(wanted.principal_type, "ServicePrincipal")) {
    return Refusal{400, "UnmatchedPrincipalType",
                   fmt::format("The PrincipalId '{}' has type 'ServicePrincipal' , which is different from specified "
                               "PrinciaplType '{}'.",
                               wanted.principal_id, json_fields::clean_text(wanted.principal_type))};
  }
  return wanted;
}

Outcome<json::object> assign(const Call& call, Model& model, const NewAssignment& wanted, const std::string& scope) {
  auto key = role_assignment_key(scope, call.path.back());
  for (const auto& [other, assignment] : model.role_assignments) {
    bool equal = same(assignment.scope, scope) && assignment.role_id == wanted.role_id &&
                 assignment.principal_id == wanted.principal_id;
    if (other == key && !equal) {
      return Refusal{400, "RoleAssignmentUpdateNotPermitted",
                     "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."};
    }
    if (equal) return Refusal{409, "RoleAssignmentExists", "The role assignment already exists."};
  }
  RoleAssignment assignment{lower(call.path.back()), scope,   wanted.role_id, wanted.principal_id, "ServicePrincipal",
                            call.caller.object_id,   call.now};
  auto shown = show_assignment(call, assignment);
  model.role_assignments[key] = std::move(assignment);
  return shown;
}

Outcome<http::Response> put_assignment(const Call& call, std::size_t scope_length) {
  constexpr std::string_view kAction = "Microsoft.Authorization/roleAssignments/write";
  auto scope = call.scope(scope_length);
  LATCHKEY_TRYV(call.require(kAction, scope));
  LATCHKEY_TRYV(check_scope(call, scope_length));
  if (!is_guid(call.path.back())) {
    return Refusal{400, "InvalidRoleAssignmentId",
                   fmt::format("The role assignment ID '{}' is not valid. The role assignment ID must be a GUID.",
                               json_fields::clean_text(call.path.back()))};
  }
  LATCHKEY_TRY(auto wanted, read_assignment(call));
  AccessQuestion question{call.caller.object_id, scope, kAction, Plane::Control, call.now - call.cloud.delays.roles};
  if (!may_assign(*call.model, question, wanted.role_id)) {
    return Refusal{
        403, "AuthorizationFailed",
        fmt::format("The client '{}' with object id '{}' has an authorization with ABAC condition that is not "
                    "fulfilled to perform action '{}' over scope '{}'.",
                    call.caller.app_id, call.caller.object_id, kAction, scope)};
  }
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) { return assign(call, model, wanted, scope); }));
  return json_response(201, shown);
}

Outcome<http::Response> delete_assignment(const Call& call, std::size_t scope_length) {
  auto scope = call.scope(scope_length);
  LATCHKEY_TRYV(call.require("Microsoft.Authorization/roleAssignments/delete", scope));
  auto key = role_assignment_key(scope, call.path.back());
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto found = model.role_assignments.find(key);
    if (found == model.role_assignments.end()) return json::object();
    auto result = show_assignment(call, found->second);
    auto& removed = model.removed_assignments;
    std::erase_if(removed, [&](const auto& old) { return old.removed < call.now - kLongestDelay; });
    removed.push_back(std::move(found->second));
    removed.back().removed = call.now;
    model.role_assignments.erase(found);
    return result;
  }));
  return shown.empty() ? empty_response(204) : json_response(200, shown);
}

Outcome<http::Response> one_assignment(const Call& call, std::size_t scope_length) {
  if (call.method() == "PUT") return put_assignment(call, scope_length);
  if (call.method() == "DELETE") return delete_assignment(call, scope_length);
  if (call.method() != "GET") return method_not_allowed(call);
  auto scope = call.scope(scope_length);
  LATCHKEY_TRYV(call.require("Microsoft.Authorization/roleAssignments/read", scope));
  auto found = call.model->role_assignments.find(role_assignment_key(scope, call.path.back()));
  if (found == call.model->role_assignments.end()) {
    return Refusal{404, "RoleAssignmentNotFound",
                   fmt::format("The role assignment '{}' is not found.", json_fields::clean_text(call.path.back()))};
  }
  return json_response(200, show_assignment(call, found->second));
}

// At the scope, above it, and, unless atScope() is asked for, beneath it.
Outcome<http::Response> list_assignments(const Call& call, std::size_t scope_length) {
  if (call.method() != "GET") return method_not_allowed(call);
  auto scope = call.scope(scope_length);
  LATCHKEY_TRYV(call.require("Microsoft.Authorization/roleAssignments/read", scope));
  LATCHKEY_TRY(auto filter, read_filter(call.request));
  json::array items;
  for (const auto& [key, assignment] : call.model->role_assignments) {
    bool is_above = is_within(scope, assignment.scope);
    if (!is_above && !is_within(assignment.scope, scope)) continue;
    bool fits = std::all_of(filter.begin(), filter.end(), [&](const FilterClause& clause) {
      if (clause.kind == FilterKind::Call && clause.field == "atscope") return is_above;
      if (clause.field == "principalid" || clause.field == "assignedto") {
        return same(assignment.principal_id, clause.value);
      }
      return false;
    });
    if (fits) items.push_back(show_assignment(call, assignment));
  }
  return json_response(200, json::object{{"value", std::move(items)}, {"nextLink", nullptr}});
}

}  // namespace

std::optional<Outcome<http::Response>> handle_roles(Call& call) {
  // The last "providers/Microsoft.Authorization" ends the scope.
  const auto& path = call.path;
  for (std::size_t i = path.size(); i-- > 0;) {
    if (!same(path[i], "providers") || i + 2 >= path.size() || !same(path[i + 1], "Microsoft.Authorization")) continue;
    auto rest = path.size() - i;
    if (same(path[i + 2], "roleDefinitions") && (rest == 3 || rest == 4)) return definitions(call, i);
    if (same(path[i + 2], "roleAssignments") && rest == 3) return list_assignments(call, i);
    if (same(path[i + 2], "roleAssignments") && rest == 4) return one_assignment(call, i);
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace latchkey::emulator::azure::arm
