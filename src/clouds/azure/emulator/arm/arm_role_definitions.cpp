#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "base/utf8.hpp"
#include "clouds/azure/emulator/arm/arm_roles.hpp"
#include "clouds/azure/emulator/rbac.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

json::array texts(const std::vector<std::string_view>& values) {
  json::array list;
  for (auto value : values) list.emplace_back(value);
  return list;
}

// The limits of custom roles, in characters.
constexpr std::size_t kLongestName = 512;
constexpr std::size_t kLongestDescription = 2048;

// Cleans a stranger's text without cutting it.
std::string clean(std::string_view text) {
  return json_fields::clean_text(text, std::string::npos);
}

Outcome<void> check_length(std::string_view property, std::string_view text, std::size_t most) {
  if (utf8::utf16_units(text) <= most) return success();
  return bad_request(fmt::format("The property '{}' has more than {} characters.", property, most));
}

std::string_view type_of(const RoleDefinition& role) {
  return role.is_custom ? "CustomRole" : "BuiltInRole";
}

// A customer's role can be seen by its own tenant alone, and only where it may be assigned.
bool is_offered(const Model& model, const CustomRole& role, const std::string& scope) {
  auto subscription = std::find_if(model.subscriptions.begin(), model.subscriptions.end(),
                                   [&](const auto& one) { return begins_with(scope, "/subscriptions/" + one.first); });
  if (subscription == model.subscriptions.end() || subscription->second.tenant_id != role.tenant_id) return false;
  return std::any_of(role.assignable_scopes.begin(), role.assignable_scopes.end(), [&](const std::string& assignable) {
    return is_within(scope, assignable) || is_within(assignable, scope);
  });
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

Outcome<std::vector<std::string>> read_texts(const json::object& object, std::string_view name) {
  constexpr std::size_t kMost = 2048;  // of texts, and of the characters of each
  std::vector<std::string> result;
  const auto* list = object.if_contains(name);
  if (list == nullptr || list->is_null()) return result;
  bool fits = list->is_array() && list->get_array().size() <= kMost;
  if (fits) {
    for (const auto& item : list->get_array()) {
      fits = fits && item.is_string() && utf8::utf16_units(item.get_string()) <= kMost;
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
    return field != nullptr && field->is_string() ? clean(field->get_string()) : std::string();
  };
  CustomRole role;
  role.id = lower(call.path.back());
  role.tenant_id = call.model->subscriptions.at(lower(call.path[1])).tenant_id;
  role.name = text("roleName");
  role.description = text("description");
  if (role.name.empty()) return bad_request("The property 'roleName' is required.");
  LATCHKEY_TRYV(check_length("roleName", role.name, kLongestName));
  LATCHKEY_TRYV(check_length("description", role.description, kLongestDescription));
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
  static constexpr auto kSchema = std::to_array<odata::Field>(
      {{"roleName", odata::FieldType::Text, odata::kEq}, {"type", odata::FieldType::Text, odata::kEq}});
  LATCHKEY_TRY(auto filter, parse_filter_of(call));
  // Roles beneath the scope are listed in any case.
  auto below = odata::take_call(filter, "atScopeAndBelow");
  if ((below && !below->empty()) || (filter && !odata::check_filter(*filter, kSchema))) {
    return unsupported_filter(call,
                              "Supported filters are either roleName eq '{value}' or type eq "
                              "'BuiltInRole|CustomRole'.");
  }
  json::array items;
  auto add = [&](const RoleDefinition& role) {
    json::object record{{"roleName", role.name}, {"type", type_of(role)}};
    if (!filter || odata::lets_through(*filter, kSchema, record)) items.push_back(show_definition(call, role));
  };
  for (const auto& role : built_in_roles()) add(role);
  for (const auto& [id, role] : call.model->custom_roles) {
    if (is_offered(*call.model, role, scope)) add(view_of(role));
  }
  return json_response(200, json::object{{"value", std::move(items)}});
}

}  // namespace

Outcome<http::Response> role_definitions(const Call& call, std::size_t scope_length) {
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

std::string definition_id(const Call& call, std::string_view role_id) {
  auto prefix = !call.path.empty() && same(call.path[0], "subscriptions") ? call.scope(2) : std::string();
  return fmt::format("{}/providers/Microsoft.Authorization/roleDefinitions/{}", prefix, role_id);
}

Refusal definition_not_found(std::string_view id) {
  return {400, "RoleDefinitionDoesNotExist",
          fmt::format("The specified role definition with ID '{}' does not exist.", json_fields::clean_text(id))};
}

}  // namespace latchkey::clouds::azure::emulator::arm
