#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/arm/arm_roles.hpp"
#include "clouds/azure/emulator/rbac.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

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

// The scope must be of something that exists. Beneath a vault every scope is accepted, because this service does not
// know keys.
Outcome<void> check_scope(const Call& call, std::size_t length) {
  const auto& path = call.path;
  if (length < 2 || !same(path[0], "subscriptions")) {
    return bad_request(fmt::format("The scope '{}' is not valid.", json_fields::clean_text(call.scope(length), 512)));
  }
  LATCHKEY_TRYV(check_group(call));
  if (length >= 8 && same(path[4], "providers") && same(path[5], "Microsoft.KeyVault") && same(path[6], "vaults")) {
    LATCHKEY_TRYV(vault_at(*call.model, path));
  }
  return success();
}

struct NewAssignment {
  std::string role_id;
  std::string principal_id;
  std::string principal_type;
};

// The type as the service writes it; absent where there is no such type.
std::optional<std::string_view> principal_type_of(std::string_view text) {
  for (std::string_view known : {"ServicePrincipal", "User", "Group", "ForeignGroup", "Device"}) {
    if (same(known, text)) return known;
  }
  return std::nullopt;
}

// The service trusts a stated principalType, because its directory may not have a new principal yet. Without one, the
// directory must have the principal.
Outcome<void> check_principal(const Call& call, NewAssignment& wanted) {
  constexpr std::string_view kOurs = "ServicePrincipal";
  auto stated = std::exchange(wanted.principal_type, kOurs);
  auto type = principal_type_of(stated);
  if (!stated.empty() && !type) {
    return bad_request(
        fmt::format("The principalType '{}' is not User, Group, ServicePrincipal, ForeignGroup or Device.",
                    json_fields::clean_text(stated)));
  }
  auto principal = call.model->service_principals.find(wanted.principal_id);
  const auto& tenant = call.model->subscriptions.at(lower(call.path[1])).tenant_id;
  bool is_here = principal != call.model->service_principals.end() && principal->second.tenant_id == tenant;
  if (!is_here && type) {
    wanted.principal_type = *type;
    return success();
  }
  if (!is_here) {
    return Refusal{
        400, "PrincipalNotFound",
        fmt::format("Principal {} does not exist in the directory {}. Check that you have the correct principal "
                    "ID. If you are creating this principal and then immediately assigning a role, this error "
                    "might be related to a replication delay. In this case, set the role assignment "
                    "principalType property to a value, such as ServicePrincipal, User, or Group.  See "
                    "https://aka.ms/docs-principaltype",
                    wanted.principal_id, tenant)};
  }
  if (!type || *type == kOurs) return success();
  return Refusal{400, "UnmatchedPrincipalType",
                 fmt::format("The PrincipalId '{}' has type 'ServicePrincipal' , which is different from specified "
                             "PrinciaplType '{}'.",
                             wanted.principal_id, *type)};
}

Outcome<NewAssignment> read_assignment(const Call& call) {
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* value = body.if_contains("properties");
  const auto& properties = value != nullptr && value->is_object() ? value->get_object() : body;
  auto text = [&](std::string_view name) {
    const auto* field = properties.if_contains(name);
    return field != nullptr && field->is_string() ? std::string(field->get_string()) : std::string();
  };
  auto definition = text("roleDefinitionId");
  while (definition.ends_with('/')) definition.pop_back();
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
  LATCHKEY_TRYV(check_principal(call, wanted));
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
  RoleAssignment assignment{
      lower(call.path.back()), scope,   wanted.role_id, wanted.principal_id, wanted.principal_type,
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

struct AssignmentFilter {
  bool at_scope = false;
  std::string principal_id;  // empty: of every principal
};

// The text of the one argument; empty where there are more, or others.
std::string argument_of(const std::vector<odata::Literal>& arguments) {
  const auto* text = arguments.size() == 1 ? std::get_if<odata::Quoted>(&arguments.front()) : nullptr;
  return text != nullptr ? text->text : std::string();
}

// The service accepts these forms alone: atScope(), assignedTo('id'), both, and principalId eq 'id'.
Outcome<AssignmentFilter> read_assignment_filter(const Call& call) {
  auto unsupported = [&] {
    return unsupported_filter(
        call, "Supported filters are either 'atScope()' or 'principalId eq '{value}' or assignedTo('{value}')'.");
  };
  LATCHKEY_TRY(auto filter, parse_filter_of(call));
  AssignmentFilter wanted;
  if (!filter) return wanted;
  if (const auto* comparison = std::get_if<odata::Comparison>(&filter->node)) {
    const auto* id = std::get_if<odata::Quoted>(&comparison->value);
    if (!same(comparison->property, "principalId") || comparison->how != odata::Operator::Eq || id == nullptr ||
        id->text.empty()) {
      return unsupported();
    }
    wanted.principal_id = id->text;
    return wanted;
  }
  if (auto arguments = odata::take_call(filter, "atScope")) {
    if (!arguments->empty()) return unsupported();
    wanted.at_scope = true;
  }
  if (auto arguments = odata::take_call(filter, "assignedTo")) {
    wanted.principal_id = argument_of(*arguments);
    if (wanted.principal_id.empty()) return unsupported();
  }
  if (filter) return unsupported();
  return wanted;
}

}  // namespace

Outcome<http::Response> one_role_assignment(const Call& call, std::size_t scope_length) {
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

// Assignments at the scope, above it, and, without atScope(), beneath it.
Outcome<http::Response> list_role_assignments(const Call& call, std::size_t scope_length) {
  if (call.method() != "GET") return method_not_allowed(call);
  auto scope = call.scope(scope_length);
  LATCHKEY_TRYV(call.require("Microsoft.Authorization/roleAssignments/read", scope));
  LATCHKEY_TRYV(check_group(call));
  LATCHKEY_TRY(auto filter, read_assignment_filter(call));
  json::array items;
  for (const auto& [key, assignment] : call.model->role_assignments) {
    bool is_above = is_within(scope, assignment.scope);
    if (!is_above && (filter.at_scope || !is_within(assignment.scope, scope))) continue;
    if (!filter.principal_id.empty() && !same(assignment.principal_id, filter.principal_id)) continue;
    items.push_back(show_assignment(call, assignment));
  }
  return json_response(200, json::object{{"value", std::move(items)}, {"nextLink", nullptr}});
}

}  // namespace latchkey::clouds::azure::emulator::arm
