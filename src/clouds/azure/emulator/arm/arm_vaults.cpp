#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"
#include "clouds/azure/emulator/network.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool wants_recovery(const json::object& body) {
  const auto* properties = body.if_contains("properties");
  return properties != nullptr && properties->is_object() &&
         same(text_of(properties->get_object(), "createMode"), "recover");
}

Outcome<void> check_new_name(const Call& call, const Model& model) {
  const auto& name = call.path[7];
  if (!is_vault_name(name)) {
    return Refusal{400, "VaultNameNotValid",
                   fmt::format("The vault name '{}' is invalid. A vault's name must be between 3-24 alphanumeric "
                               "characters. The name must begin with a letter, end with a letter or digit, and not "
                               "contain consecutive hyphens. Follow this link for more information: "
                               "https://go.microsoft.com/fwlink/?linkid=2147742",
                               json_fields::clean_text(name))};
  }
  if (find_vault(model, name) != nullptr) {
    return Refusal{
        409, "VaultAlreadyExists",
        fmt::format("The vault name '{}' is already in use. Vault names are globally unique so it is possible "
                    "that the name is already taken. If you are sure that the vault name was not taken then "
                    "it is possible that a vault with the same name was recently deleted but not purged "
                    "after being placed in a recoverable state. If the vault is in a recoverable state then "
                    "the vault will need to be purged before reusing the name. For more information about "
                    "VaultAlreadyExists, soft delete and purging a vault follow this link "
                    "https://go.microsoft.com/fwlink/?linkid=2147740.",
                    name)};
  }
  auto deleted = model.deleted_vaults.find(lower(name));
  if (deleted != model.deleted_vaults.end() && deleted->second.purge_at > call.now) {
    return Refusal{409, "ConflictError",
                   "A vault with the same name already exists in deleted state. You need to either recover or purge "
                   "existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more "
                   "information on soft delete."};
  }
  return success();
}

Outcome<Vault> make_vault(const Call& call, const Model& model, const json::object& body) {
  if (find_resource_group(model, call.path[1], call.path[3]) == nullptr) return group_not_found(call.path[3]);
  LATCHKEY_TRYV(check_new_name(call, model));
  Vault vault;
  vault.name = call.path[7];
  vault.subscription_id = lower(call.path[1]);
  vault.resource_group = find_resource_group(model, call.path[1], call.path[3])->name;
  vault.location = location_name(text_of(body, "location"));
  if (vault.location.empty()) {
    return Refusal{400, "LocationRequired", "The location property is required for this definition."};
  }
  // The default of API versions before 2026-02-01.
  vault.rbac = same(http::query_parameter(call.request, "api-version").value_or(""), "2026-02-01");
  vault.created_by = call.caller.app_id;
  vault.created = call.now;
  LATCHKEY_TRYV(apply_vault_body(model, body, true, vault));
  return vault;
}

Outcome<Vault> replace_vault(const Model& model, const json::object& body, const Vault& present) {
  auto location = location_name(text_of(body, "location"));
  if (!location.empty() && location != present.location) {
    return Refusal{
        409, "InvalidResourceLocation",
        fmt::format("The resource '{0}' already exists in location '{1}' in resource group '{2}'. A resource "
                    "with the same name cannot be created in location '{3}'. Please select a new resource "
                    "name.",
                    present.name, present.location, present.resource_group, location)};
  }
  Vault vault = present;
  vault.network = NetworkRules{};
  vault.access_policies.clear();
  vault.tags.clear();
  LATCHKEY_TRYV(apply_vault_body(model, body, false, vault));
  return vault;
}

Outcome<Vault> recover_vault(const Call& call, Model& model) {
  auto found = model.deleted_vaults.find(lower(call.path[7]));
  if (found == model.deleted_vaults.end() || found->second.purge_at <= call.now ||
      !same(found->second.vault.subscription_id, call.path[1])) {
    return vault_not_found(call.path[7], call.path[3]);
  }
  auto vault = std::move(found->second.vault);
  model.deleted_vaults.erase(found);
  return vault;
}

Outcome<http::Response> put_vault(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/vaults/write", call.scope(8)));
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto present = vault_at(model, call.path);
    Outcome<Vault> made = present                ? replace_vault(model, body, *present.value())
                          : wants_recovery(body) ? recover_vault(call, model)
                                                 : make_vault(call, model, body);
    LATCHKEY_TRY(auto vault, std::move(made));
    if (present) keep_former_rules(*present.value(), vault, call.now);
    vault.updated = call.now;
    auto result = show_vault(vault);
    // A deleted vault of the same name whose retention has passed is purged now.
    model.deleted_vaults.erase(lower(vault.name));
    model.vaults.insert_or_assign(lower(vault.name), std::move(vault));
    return result;
  }));
  call.cloud.vaults_changed();
  return json_response(200, shown);
}

Outcome<http::Response> patch_vault(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/vaults/write", call.scope(8)));
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(const auto* present, vault_at(model, call.path));
    auto vault = *present;
    LATCHKEY_TRYV(apply_vault_body(model, body, false, vault));
    keep_former_rules(*present, vault, call.now);
    vault.updated = call.now;
    auto result = show_vault(vault);
    model.vaults.insert_or_assign(lower(vault.name), std::move(vault));
    return result;
  }));
  return json_response(200, shown);
}

Outcome<http::Response> get_vault(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/vaults/read", call.scope(8)));
  LATCHKEY_TRY(const auto* vault, vault_at(*call.model, call.path));
  return json_response(200, show_vault(*vault));
}

// Recovering brings the keys back, not the role assignments.
Outcome<http::Response> delete_vault(const Call& call) {
  constexpr Seconds kDay = 86400;
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/vaults/delete", call.scope(8)));
  LATCHKEY_TRY(auto existed, call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    auto present = vault_at(model, call.path);
    if (!present) return false;
    auto vault = *present.value();
    forget_assignments(model, vault_resource_id(vault));
    auto purge_at = call.now + vault.retention_days * kDay;
    auto name = lower(vault.name);
    model.vaults.erase(name);
    model.deleted_vaults.insert_or_assign(name, DeletedVault{std::move(vault), call.now, purge_at});
    return true;
  }));
  call.cloud.vaults_changed();
  return empty_response(existed ? 200 : 204);
}

Outcome<http::Response> list_vaults(const Call& call, std::string_view group) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/vaults/read", call.scope(group.empty() ? 2 : 4)));
  LATCHKEY_TRYV(check_group(call));
  json::array items;
  for (const auto& [name, vault] : call.model->vaults) {
    if (same(vault.subscription_id, call.path[1]) && (group.empty() || same(vault.resource_group, group))) {
      items.push_back(show_vault(vault));
    }
  }
  return list_response(call, std::move(items));
}

Outcome<http::Response> check_name(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/checkNameAvailability/read", call.scope(2)));
  LATCHKEY_TRY(auto body, read_body(call.request));
  auto name = text_of(body, "name");
  Call named{call.cloud, call.request, call.model, call.caller, {"", "", "", "", "", "", "", name}, call.now};
  auto free = check_new_name(named, *call.model);
  if (free) return json_response(200, json::object{{"nameAvailable", true}});
  return json_response(200, json::object{{"nameAvailable", false},
                                         {"reason", is_vault_name(name) ? "AlreadyExists" : "AccountNameInvalid"},
                                         {"message", free.error().message}});
}

Outcome<http::Response> handle_vault(const Call& call) {
  if (call.method() == "GET") return get_vault(call);
  if (call.method() == "PUT") return put_vault(call);
  if (call.method() == "PATCH") return patch_vault(call);
  if (call.method() == "DELETE") return delete_vault(call);
  return method_not_allowed(call);
}

std::string_view audit_name(std::string_view method) {
  if (method == "PUT") return "VaultPut";
  if (method == "PATCH") return "VaultPatch";
  if (method == "DELETE") return "VaultDelete";
  return "VaultGet";
}

// The vault as it was before the call, or, where the call made it, as it is now.
void record(const Call& call, const Outcome<http::Response>& outcome) {
  const auto* vault = find_vault(*call.model, call.path[7]);
  auto after = call.cloud.state.read();
  if (vault == nullptr) vault = find_vault(*after, call.path[7]);
  if (vault == nullptr || !is_audited(*vault)) return;
  AuditEvent event;
  event.time = call.cloud.clock.now();
  event.operation = audit_name(call.method());
  event.operation_version = json_fields::clean_text(http::query_parameter(call.request, "api-version").value_or(""));
  event.status = outcome ? outcome.value().status : outcome.error().status;
  if (!outcome) {
    event.error_code = outcome.error().code;
    event.error_message = outcome.error().message;
  }
  event.client_address = call.cloud.client_address(call.request);
  event.correlation_id = json_fields::clean_text(call.request.headers.get("x-ms-client-request-id"));
  if (event.correlation_id.empty()) event.correlation_id = new_guid(call.cloud.random);
  event.caller = call.caller;
  event.client_info = json_fields::clean_text(call.request.headers.get("user-agent"), 256);
  event.request_uri = json_fields::clean_text(
      fmt::format("https://management.azure.com{}?{}", call.request.path, call.request.raw_query), 2048);
  event.id = fmt::format("https://{}.vault.azure.net/", lower(vault->name));
  call.cloud.audit.append(*vault, event);
}

}  // namespace

std::optional<Outcome<http::Response>> handle_vaults(Call& call) {
  constexpr std::string_view kProvider = "Microsoft.KeyVault";
  bool gets = call.method() == "GET";
  if (call.is({"subscriptions", "*", "providers", kProvider, "vaults"}) && gets) return list_vaults(call, "");
  if (call.is({"subscriptions", "*", "providers", kProvider, "checkNameAvailability"}) && call.method() == "POST") {
    return check_name(call);
  }
  if (call.is({"subscriptions", "*", "resourceGroups", "*", "providers", kProvider, "vaults"}) && gets) {
    return list_vaults(call, call.path[3]);
  }
  if (!call.is({"subscriptions", "*", "resourceGroups", "*", "providers", kProvider, "vaults", "*"})) {
    return std::nullopt;
  }
  auto outcome = handle_vault(call);
  record(call, outcome);
  return outcome;
}

}  // namespace latchkey::clouds::azure::emulator::arm
