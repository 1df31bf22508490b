// The list of all resources, which are all vaults.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

using odata::FieldType;
using enum odata::Ability;

// What "Resources - List" documents. No vault has an identity, or a plan.
constexpr auto kResourceFields = std::to_array<odata::Field>({{"name", FieldType::Text, kEq | kNe | kContains},
                                                              {"resourceType", FieldType::Text, kEq | kNe},
                                                              {"location", FieldType::Text, kEq | kNe},
                                                              {"resourceGroup", FieldType::Text, kEq | kNe | kContains},
                                                              {"identity", FieldType::Text, kEq | kNe},
                                                              {"identity/principalId", FieldType::Text, kEq | kNe},
                                                              {"plan", FieldType::Text, kEq | kNe},
                                                              {"plan/publisher", FieldType::Text, kEq | kNe},
                                                              {"plan/product", FieldType::Text, kEq | kNe},
                                                              {"plan/name", FieldType::Text, kEq | kNe},
                                                              {"plan/version", FieldType::Text, kEq | kNe},
                                                              {"plan/promotionCode", FieldType::Text, kEq | kNe},
                                                              {"tagName", FieldType::Text, kEq | kStartsWith},
                                                              {"tagValue", FieldType::Text, kEq}});

// What $expand adds to each resource.
Outcome<json::object> read_expansion(const Call& call, const Vault& vault) {
  json::object more;
  std::string text(http::query_parameter(call.request, "$expand").value_or(""));
  while (!text.empty()) {
    auto comma = std::min(text.find(','), text.size());
    auto name = text.substr(0, comma);
    text.erase(0, comma + 1);
    std::erase(name, ' ');
    if (same(name, "createdTime")) {
      more["createdTime"] = arm_time(vault.created);
    } else if (same(name, "changedTime")) {
      more["changedTime"] = arm_time(vault.updated);
    } else if (same(name, "provisioningState")) {
      more["provisioningState"] = "Succeeded";
    } else if (!name.empty()) {
      return bad_request(fmt::format("The value '{}' of $expand is not createdTime, changedTime or provisioningState.",
                                     json_fields::clean_text(name)));
    }
  }
  return more;
}

// The list has what the caller may read; a list is never refused.
Outcome<http::Response> list_resources(const Call& call, std::string_view group) {
  LATCHKEY_TRYV(check_group(call));
  LATCHKEY_TRY(auto filter, read_filter(call, kResourceFields));
  LATCHKEY_TRYV(read_expansion(call, Vault()));
  json::array items;
  for (const auto& [name, vault] : call.model->vaults) {
    auto id = vault_resource_id(vault);
    if (!same(vault.subscription_id, call.path[1]) || (!group.empty() && !same(vault.resource_group, group))) continue;
    json::object fields{{"resourceType", "Microsoft.KeyVault/vaults"},
                        {"name", vault.name},
                        {"location", vault.location},
                        {"resourceGroup", vault.resource_group}};
    if (!lets_any_through(filter, kResourceFields, fields, vault.tags)) continue;
    if (!call.may("Microsoft.KeyVault/vaults/read", id)) continue;
    json::object item{{"id", id},
                      {"name", vault.name},
                      {"type", "Microsoft.KeyVault/vaults"},
                      {"location", vault.location},
                      {"tags", vault.tags}};
    LATCHKEY_TRY(auto more, read_expansion(call, vault));
    item.insert(more.begin(), more.end());
    items.push_back(std::move(item));
  }
  return list_response(call, std::move(items));
}

}  // namespace

std::optional<Outcome<http::Response>> handle_resources(Call& call) {
  if (call.method() != "GET") return std::nullopt;
  if (call.is({"subscriptions", "*", "resources"})) return list_resources(call, "");
  if (call.is({"subscriptions", "*", "resourceGroups", "*", "resources"})) return list_resources(call, call.path[3]);
  return std::nullopt;
}

}  // namespace latchkey::clouds::azure::emulator::arm
