#include "clouds/azure/emulator/vault/hsm_roles.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/odata_match.hpp"
#include "clouds/azure/emulator/rbac.hpp"
#include "clouds/azure/emulator/vault/key_rules.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

struct LocalRole {
  std::string_view id;
  std::string_view name;
  std::vector<std::string_view> actions;  // behind kPrefix
};

constexpr std::string_view kPrefix = "Microsoft.KeyVault/managedHsm/";
constexpr std::string_view kDefinitions = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/";

// As the service lists them.
const std::vector<LocalRole>& local_roles() {
  static const std::vector<LocalRole> roles = {
      {kHsmAdministratorRole,
       "Managed HSM Administrator",
       {"roleAssignments/delete/action", "roleAssignments/read/action", "roleAssignments/write/action",
        "roleDefinitions/read/action", "roleDefinitions/write/action", "roleDefinitions/delete/action",
        "securitydomain/download/action", "securitydomain/download/read", "securitydomain/upload/action",
        "securitydomain/upload/read", "securitydomain/transferkey/read", "backup/start/action", "restore/start/action",
        "backup/status/action", "restore/status/action"}},
      {"515eb02d-2335-4d2d-92f2-b1cbdf9c3778",
       "Managed HSM Crypto Officer",
       {"roleAssignments/delete/action", "roleAssignments/read/action", "roleAssignments/write/action",
        "roleDefinitions/read/action", "roleDefinitions/write/action", "roleDefinitions/delete/action",
        "keys/deletedKeys/read/action", "keys/deletedKeys/delete", "keys/deletedKeys/recover/action",
        "keys/export/action"}},
      {"21dbd100-6940-42c2-9190-5d6cb909625b",
       "Managed HSM Crypto User",
       {"roleDefinitions/read/action", "roleAssignments/read/action", "keys/read/action", "keys/write/action",
        "keys/rotate/action", "keys/delete", "keys/create", "keys/import/action", "keys/release/action",
        "keys/backup/action", "keys/restore/action", "keys/encrypt/action", "keys/decrypt/action", "keys/wrap/action",
        "keys/unwrap/action", "keys/sign/action", "keys/verify/action", "rng/action"}},
      {"33413926-3206-4cdd-b39a-83574fe37a17",
       "Managed HSM Crypto Service Encryption User",
       {"keys/read/action", "keys/wrap/action", "keys/unwrap/action"}},
      {"21dbd100-6940-42c2-9190-5d6cb909625c", "Managed HSM Crypto Service Release User", {"keys/release/action"}},
      {"2c18b078-7c48-4d3a-af88-5a3a1b3f82b3",
       "Managed HSM Crypto Auditor",
       {"roleAssignments/read/action", "roleDefinitions/read/action", "keys/read/action",
        "keys/deletedKeys/read/action"}},
      {"4bd23610-cdcf-4971-bdee-bdc562cc28e4",
       "Managed HSM Policy Administrator",
       {"roleDefinitions/read/action", "roleDefinitions/write/action", "roleDefinitions/delete/action",
        "roleAssignments/read/action", "roleAssignments/write/action", "roleAssignments/delete/action"}},
      {"7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8",
       "Managed HSM Backup User",
       {"backup/start/action", "backup/status/action", "keys/backup/action"}},
      {"6efe6056-5259-49d2-8b3d-d3d73544b20b",
       "Managed HSM Restore User",
       {"restore/start/action", "restore/status/action", "keys/restore/action"}}};
  return roles;
}

const LocalRole* find_local_role(std::string_view id) {
  for (const auto& role : local_roles()) {
    if (same(role.id, id)) return &role;
  }
  return nullptr;
}

bool grants(const LocalRole& role, std::string_view data_action) {
  return begins_with(data_action, kPrefix) &&
         std::any_of(role.actions.begin(), role.actions.end(),
                     [&](std::string_view action) { return same(action, data_action.substr(kPrefix.size())); });
}

// One request of the role API, and the HSM that it is about.
class LocalRoles {
 public:
  LocalRoles(Cloud& cloud, const http::Request& request, const Vault& hsm, const Caller& caller, Seconds now)
      : cloud_(cloud), request_(request), hsm_(hsm), caller_(caller), now_(now) {}

  // False where the path is another API's.
  bool read_path() {
    auto split = split_names(request_.path);
    if (!split) return false;
    auto& segments = split.value();
    auto provider =
        std::find_if(segments.begin(), segments.end(), [](const std::string& one) { return same(one, "providers"); });
    auto before = static_cast<std::size_t>(provider - segments.begin());
    if (segments.size() < before + 3 || segments.size() > before + 4 || before > 2 ||
        !same(segments[before + 1], "Microsoft.Authorization")) {
      return false;
    }
    if (before > 0 && !same(segments[0], "keys")) return false;
    scope_ = before == 0 ? "/" : before == 1 ? "/keys" : "/keys/" + lower(segments[1]);
    kind_ = segments[before + 2];
    if (segments.size() == before + 4) name_ = lower(segments[before + 3]);
    return true;
  }

  Outcome<http::Response> handle() const {
    if (same(kind_, "roleDefinitions") && request_.method == "GET") return definitions();
    if (!same(kind_, "roleAssignments")) return unknown();
    if (request_.method == "GET") return name_.empty() ? list() : get();
    if (request_.method == "PUT" && !name_.empty()) return put();
    if (request_.method == "DELETE" && !name_.empty()) return remove();
    return unknown();
  }

 private:
  [[nodiscard]] Refusal unknown() const {
    return bad_parameter(fmt::format("Method {} does not allow operation '{}'",
                                     json_fields::clean_text(request_.method, 16), json_fields::clean_text(kind_)));
  }

  [[nodiscard]] Outcome<void> require(std::string_view action) const {
    auto key = begins_with(scope_, "/keys/") ? scope_.substr(6) : std::string();
    if (auto refused = check_local_role(hsm_, caller_, std::string(kPrefix) + std::string(action), key,
                                        now_ - cloud_.delays.roles)) {
      return std::move(*refused);
    }
    return success();
  }

  static json::object show(const RoleAssignment& assignment) {
    return {{"id", fmt::format("{}/providers/Microsoft.Authorization/roleAssignments/{}",
                               assignment.scope == "/" ? "" : assignment.scope, assignment.name)},
            {"name", assignment.name},
            {"type", "Microsoft.Authorization/roleAssignments"},
            {"properties", json::object{{"principalId", assignment.principal_id},
                                        {"roleDefinitionId", std::string(kDefinitions) + assignment.role_id},
                                        {"scope", assignment.scope}}}};
  }

  static json::object show(const LocalRole& role) {
    json::array actions;
    for (auto action : role.actions) actions.emplace_back(std::string(kPrefix) + std::string(action));
    json::object permission{{"actions", json::array()},
                            {"notActions", json::array()},
                            {"dataActions", std::move(actions)},
                            {"notDataActions", json::array()}};
    return {{"id", std::string(kDefinitions) + std::string(role.id)},
            {"name", role.id},
            {"type", "Microsoft.Authorization/roleDefinitions"},
            {"properties", json::object{{"roleName", role.name},
                                        {"type", "AKVBuiltInRole"},
                                        {"description", ""},
                                        {"permissions", json::array{std::move(permission)}},
                                        {"assignableScopes", json::array{"/"}}}}};
  }

  [[nodiscard]] Outcome<http::Response> definitions() const {
    LATCHKEY_TRYV(require("roleDefinitions/read/action"));
    if (!name_.empty()) {
      const auto* role = find_local_role(name_);
      if (role == nullptr) return not_found("role definition");
      return json_response(200, show(*role));
    }
    LATCHKEY_TRY(auto filter, read_filter());
    auto below = odata::take_call(filter, "atScopeAndBelow");
    if (filter || (below && !below->empty())) return unsupported_filter("atScopeAndBelow()");
    json::array items;
    for (const auto& role : local_roles()) items.push_back(show(role));
    return json_response(200, json::object{{"value", std::move(items)}});
  }

  [[nodiscard]] Refusal not_found(std::string_view what) const {
    return {404, std::string(what == "role definition" ? "RoleDefinitionNotFound" : "RoleAssignmentNotFound"),
            fmt::format("Requested {} not found. ({})", what, json_fields::clean_text(name_))};
  }

  [[nodiscard]] Outcome<std::optional<odata::Filter>> read_filter() const {
    auto text = http::query_parameter(request_, "$filter").value_or("");
    if (text.find_first_not_of(' ') == std::string_view::npos) return std::optional<odata::Filter>();
    auto parsed = odata::parse_filter(text);
    if (!parsed) return bad_parameter("Invalid $filter: " + parsed.error().message);
    return std::optional(std::move(parsed.value()));
  }

  [[nodiscard]] static Refusal unsupported_filter(std::string_view supported) {
    return bad_parameter(fmt::format("The $filter is not supported. Supported is {}.", supported));
  }

  // The assignments at the scope, above it and, without atScope(), beneath it.
  [[nodiscard]] Outcome<http::Response> list() const {
    static constexpr auto kSchema = std::to_array<odata::Field>({{"principalId", odata::FieldType::Guid, odata::kEq}});
    LATCHKEY_TRYV(require("roleAssignments/read/action"));
    LATCHKEY_TRY(auto filter, read_filter());
    auto at_scope = odata::take_call(filter, "atScope");
    if ((at_scope && !at_scope->empty()) || (filter && !odata::check_filter(*filter, kSchema))) {
      return unsupported_filter("atScope() and principalId eq {id}");
    }
    json::array items;
    for (const auto& [key, assignment] : hsm_.local_assignments) {
      bool is_above = is_within(scope_, assignment.scope);
      if (!is_above && (at_scope.has_value() || !is_within(assignment.scope, scope_))) continue;
      json::object record{{"principalId", assignment.principal_id}};
      if (!filter || odata::lets_through(*filter, kSchema, record)) items.push_back(show(assignment));
    }
    return json_response(200, json::object{{"value", std::move(items)}});
  }

  [[nodiscard]] Outcome<http::Response> get() const {
    LATCHKEY_TRYV(require("roleAssignments/read/action"));
    auto found = hsm_.local_assignments.find(local_assignment_key(scope_, name_));
    if (found == hsm_.local_assignments.end()) return not_found("role assignment");
    return json_response(200, show(found->second));
  }

  [[nodiscard]] Outcome<RoleAssignment> read_assignment() const {
    auto body = json_fields::parse_object(request_.body);
    if (!body) return bad_parameter("Bad JSON content found in the request.");
    const auto* properties = body.value().if_contains("properties");
    if (properties == nullptr || !properties->is_object())
      return bad_parameter("Property 'properties' is required.\r\n");
    auto text = [&](std::string_view field) {
      const auto* value = properties->get_object().if_contains(field);
      return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
    };
    auto definition = text("roleDefinitionId");
    RoleAssignment wanted;
    wanted.name = name_;
    wanted.scope = scope_;
    wanted.role_id = lower(definition.substr(definition.rfind('/') + 1));
    wanted.principal_id = lower(text("principalId"));
    wanted.created_by = caller_.object_id;
    wanted.created = now_;
    if (find_local_role(wanted.role_id) == nullptr) {
      return bad_parameter(fmt::format("There is no role definition {}.", json_fields::clean_text(definition, 128)));
    }
    if (!is_guid(wanted.principal_id) || !is_guid(name_)) {
      return bad_parameter("The principal's id and the name of a role assignment are GUIDs.");
    }
    return wanted;
  }

  [[nodiscard]] Outcome<http::Response> put() const {
    LATCHKEY_TRYV(require("roleAssignments/write/action"));
    LATCHKEY_TRY(auto wanted, read_assignment());
    auto shown = cloud_.state.change([&](Model& model) -> Outcome<json::object> {
      auto* hsm = find_vault(model, name_of(hsm_));
      if (hsm == nullptr) return not_found("role assignment");
      for (const auto& [key, other] : hsm->local_assignments) {
        if (other.scope == wanted.scope && other.role_id == wanted.role_id &&
            other.principal_id == wanted.principal_id) {
          return Refusal{409, "RoleAssignmentExists", "The role assignment already exists."};
        }
      }
      auto [place, is_new] = hsm->local_assignments.emplace(local_assignment_key(scope_, name_), wanted);
      if (!is_new) return Refusal{409, "RoleAssignmentExists", "The name is another role assignment's."};
      return show(place->second);
    });
    if (!shown) return std::move(shown.error());
    return json_response(201, shown.value());
  }

  [[nodiscard]] Outcome<http::Response> remove() const {
    LATCHKEY_TRYV(require("roleAssignments/delete/action"));
    auto shown = cloud_.state.change([&](Model& model) -> Outcome<json::object> {
      auto* hsm = find_vault(model, name_of(hsm_));
      if (hsm == nullptr) return not_found("role assignment");
      auto found = hsm->local_assignments.find(local_assignment_key(scope_, name_));
      if (found == hsm->local_assignments.end()) return not_found("role assignment");
      auto last = show(found->second);
      hsm->local_assignments.erase(found);
      return last;
    });
    if (!shown) return std::move(shown.error());
    return json_response(200, shown.value());
  }

  Cloud& cloud_;
  const http::Request& request_;
  const Vault& hsm_;
  const Caller& caller_;
  Seconds now_;
  std::string scope_;
  std::string kind_;
  std::string name_;
};

}  // namespace

std::optional<Refusal> check_local_role(const Vault& hsm, const Caller& caller, std::string_view data_action,
                                        std::string_view key, Seconds effective_before) {
  auto resource = key.empty() ? std::string("/keys") : "/keys/" + lower(key);
  for (const auto& [name, assignment] : hsm.local_assignments) {
    const auto* role = find_local_role(assignment.role_id);
    if (role != nullptr && assignment.created <= effective_before && same(assignment.principal_id, caller.object_id) &&
        grants(*role, data_action) && is_within(resource, assignment.scope)) {
      return std::nullopt;
    }
  }
  return Refusal{403, "Forbidden",
                 fmt::format("Caller is not authorized to perform action on resource.\r\nIf role assignments or role "
                             "definitions were changed recently, please observe propagation time.\r\nCaller: "
                             "{}\r\nAction: '{}'\r\nResource: '{}'\r\nAssignment: (not found)\r\nVault: "
                             "{};location={}\r\n",
                             caller.described(), data_action, resource, hsm.name, hsm.location),
                 "ForbiddenByRbac"};
}

std::optional<Outcome<http::Response>> handle_local_roles(Cloud& cloud, const http::Request& request, const Vault& hsm,
                                                          const Caller& caller, Seconds now) {
  LocalRoles call(cloud, request, hsm, caller, now);
  if (!call.read_path()) return std::nullopt;
  return call.handle();
}

std::string local_assignment_key(std::string_view scope, std::string_view name) {
  return lower(fmt::format("{}|{}", scope, name));
}

}  // namespace latchkey::clouds::azure::emulator
