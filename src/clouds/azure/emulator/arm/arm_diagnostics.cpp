#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "base/utf8.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

constexpr std::size_t kVaultSegments = 8;
constexpr std::array<std::string_view, 4> kSinks = {"workspaceId", "storageAccountId", "eventHubAuthorizationRuleId",
                                                    "marketplacePartnerId"};
constexpr std::array<std::string_view, 4> kLogs = {"AuditEvent", "AzurePolicyEvaluationDetails", "audit", "allLogs"};

json::object show_setting(const Vault& vault, const DiagnosticSetting& setting) {
  return {{"id", fmt::format("{}/providers/microsoft.insights/diagnosticSettings/{}", vault_resource_id(vault),
                             setting.name)},
          {"type", "Microsoft.Insights/diagnosticSettings"},
          {"name", setting.name},
          {"location", nullptr},
          {"kind", nullptr},
          {"tags", nullptr},
          {"properties", setting.properties},
          {"identity", nullptr}};
}

bool is_text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() && !value->get_string().empty();
}

Outcome<void> check_log(const json::value& log) {
  auto wrong = [] { return bad_request("Each log needs a 'category' or 'categoryGroup', and 'enabled'."); };
  if (!log.is_object()) return wrong();
  const auto& object = log.get_object();
  const auto* enabled = object.if_contains("enabled");
  if (enabled == nullptr || !enabled->is_bool()) return wrong();
  auto name = is_text(object, "category") ? "category" : "categoryGroup";
  if (!is_text(object, name)) return wrong();
  std::string_view category = object.at(name).get_string();
  if (std::any_of(kLogs.begin(), kLogs.end(), [&](std::string_view known) { return same(known, category); })) {
    return success();
  }
  return bad_request(fmt::format("Category '{}' is not supported.", json_fields::clean_text(category)));
}

Outcome<json::object> read_properties(const http::Request& request) {
  LATCHKEY_TRY(auto body, read_body(request));
  const auto* value = body.if_contains("properties");
  if (value == nullptr || !value->is_object()) return bad_request("The property 'properties' is required.");
  const auto& properties = value->get_object();
  if (std::none_of(kSinks.begin(), kSinks.end(), [&](std::string_view sink) { return is_text(properties, sink); })) {
    return bad_request("At least one data sink needs to be specified.");
  }
  if (const auto* logs = properties.if_contains("logs"); logs != nullptr && !logs->is_null()) {
    if (!logs->is_array()) return bad_request("The property 'logs' is not a list.");
    for (const auto& log : logs->get_array()) {
      LATCHKEY_TRYV(check_log(log));
    }
  }
  return properties;
}

// 1 to 260 characters, without those that Azure Monitor reserves.
bool is_setting_name(std::string_view name) {
  constexpr std::size_t kLongest = 260;
  constexpr std::string_view kReserved = "<>*%&:\\?+/";
  return !name.empty() && utf8::utf16_units(name) <= kLongest && !name.ends_with(' ') && !name.ends_with('.') &&
         name.find_first_of(kReserved) == std::string_view::npos &&
         json_fields::clean_text(name, std::string::npos) == name;
}

Outcome<http::Response> put_setting(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.Insights/diagnosticSettings/write", call.scope(kVaultSegments)));
  if (!is_setting_name(call.path.back())) {
    return bad_request(
        fmt::format("The diagnostic setting's name '{}' is above 260 characters, ends with a space or a "
                    "period, or has one of <>*%&:\\?+/ or a control character.",
                    json_fields::clean_text(call.path.back())));
  }
  LATCHKEY_TRY(auto properties, read_properties(call.request));
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(const auto* present, vault_at(model, call.path));
    auto& vault = model.vaults.at(lower(present->name));
    auto& setting = vault.diagnostics[lower(call.path.back())];
    setting = DiagnosticSetting{call.path.back(), properties};
    return show_setting(vault, setting);
  }));
  return json_response(200, shown);
}

Outcome<http::Response> delete_setting(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.Insights/diagnosticSettings/delete", call.scope(kVaultSegments)));
  LATCHKEY_TRY(auto existed, call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    LATCHKEY_TRY(const auto* present, vault_at(model, call.path));
    return model.vaults.at(lower(present->name)).diagnostics.erase(lower(call.path.back())) > 0;
  }));
  return empty_response(existed ? 200 : 204);
}

Outcome<http::Response> get_settings(const Call& call, bool one) {
  LATCHKEY_TRYV(call.require("Microsoft.Insights/diagnosticSettings/read", call.scope(kVaultSegments)));
  LATCHKEY_TRY(const auto* vault, vault_at(*call.model, call.path));
  if (!one) {
    json::array items;
    for (const auto& [name, setting] : vault->diagnostics) items.push_back(show_setting(*vault, setting));
    return json_response(200, json::object{{"value", std::move(items)}});
  }
  auto found = vault->diagnostics.find(lower(call.path.back()));
  if (found == vault->diagnostics.end()) {
    return Refusal{404, "ResourceNotFound",
                   fmt::format("The Resource '{}' was not found.", json_fields::clean_text(call.path.back()))};
  }
  return json_response(200, show_setting(*vault, found->second));
}

Outcome<http::Response> list_categories(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.Insights/diagnosticSettings/read", call.scope(kVaultSegments)));
  LATCHKEY_TRY(const auto* vault, vault_at(*call.model, call.path));
  json::array items;
  for (auto [name, kind] : {std::pair("AuditEvent", "Logs"), std::pair("AzurePolicyEvaluationDetails", "Logs"),
                            std::pair("AllMetrics", "Metrics")}) {
    items.push_back(json::object{{"id", fmt::format("{}/providers/microsoft.insights/diagnosticSettingsCategories/{}",
                                                    vault_resource_id(*vault), name)},
                                 {"type", "microsoft.insights/diagnosticSettingsCategories"},
                                 {"name", name},
                                 {"properties", json::object{{"categoryType", kind}}}});
  }
  return json_response(200, json::object{{"value", std::move(items)}});
}

}  // namespace

std::optional<Outcome<http::Response>> handle_diagnostics(Call& call) {
  const auto& path = call.path;
  auto rest = path.size() - std::min(path.size(), kVaultSegments);
  if (rest < 3 || rest > 4 || !same(path[kVaultSegments], "providers") ||
      !same(path[kVaultSegments + 1], "Microsoft.Insights") || !same(path[4], "providers") ||
      !same(path[5], "Microsoft.KeyVault") || !same(path[6], "vaults")) {
    return std::nullopt;
  }
  const auto& type = path[kVaultSegments + 2];
  bool gets = call.method() == "GET";
  if (same(type, "diagnosticSettingsCategories") && rest == 3 && gets) return list_categories(call);
  if (!same(type, "diagnosticSettings")) return std::nullopt;
  if (gets) return get_settings(call, rest == 4);
  if (rest == 4 && call.method() == "PUT") return put_setting(call);
  if (rest == 4 && call.method() == "DELETE") return delete_setting(call);
  return method_not_allowed(call);
}

}  // namespace latchkey::clouds::azure::emulator::arm
