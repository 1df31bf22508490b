#include "clouds/azure/emulator/entra/conditional_access.hpp"

#include <algorithm>

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/errors.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;
namespace ip = boost::asio::ip;

namespace {

constexpr std::size_t kMostLocations = 2000;
constexpr std::size_t kLongestName = 256;

// IPv4 addresses are mapped into IPv6 (RFC 4291 section 2.5.5.2), so that one form compares both.
std::optional<ip::network_v6> parse_location(std::string_view text) {
  constexpr unsigned short kV4Bits = 96;
  boost::system::error_code failed;
  std::string range(text);
  if (range.find('/') == std::string::npos) range += range.find(':') == std::string::npos ? "/32" : "/128";
  auto v6 = ip::make_network_v6(range, failed);
  if (!failed) return v6;
  auto v4 = ip::make_network_v4(range, failed);
  if (failed) return std::nullopt;
  return ip::network_v6(ip::make_address_v6(ip::v4_mapped, v4.address()),
                        static_cast<unsigned short>(kV4Bits + v4.prefix_length()));
}

bool is_within(std::string_view location, std::string_view address) {
  auto range = parse_location(location);
  auto single = parse_location(address);
  if (!range || !single) return false;
  return ip::network_v6(single->address(), range->prefix_length()).canonical() == range->canonical();
}

Result<std::vector<std::string>> read_locations(const json::object& object) {
  std::vector<std::string> locations;
  const auto* list = object.if_contains("named_locations");
  if (list == nullptr) return locations;
  if (!list->is_array() || list->get_array().size() > kMostLocations) {
    return bad_field("named_locations", fmt::format("Input should be a list of at most {} ranges", kMostLocations));
  }
  for (const auto& item : list->get_array()) {
    std::string text(item.is_string() ? std::string_view(item.get_string()) : std::string_view());
    if (!is_location(text)) {
      return bad_field(fmt::format("named_locations.{}", locations.size()),
                       "Input should be an address or a range, 203.0.113.0/24 or 2001:db8::/32");
    }
    locations.push_back(std::move(text));
  }
  return locations;
}

Result<std::string> read_guid(const json::object& object, std::string_view name) {
  LATCHKEY_TRY(auto text, json_fields::required_text(object, "", name, {0, kLongestName}));
  if (!is_guid(text)) return bad_field(name, "Input should be a GUID");
  return lower(text);
}

}  // namespace

bool is_location(std::string_view range) {
  return parse_location(range).has_value();
}

Result<ConditionalAccessPolicy> policy_from_request(const Model& model, const json::object& object) {
  LATCHKEY_TRYV(json_fields::refuse_unknown(object, "", {"app_id", "tenant_id", "display_name", "named_locations"}));
  ConditionalAccessPolicy policy;
  LATCHKEY_TRY(policy.app_id, read_guid(object, "app_id"));
  if (object.contains("tenant_id")) {
    LATCHKEY_TRY(policy.tenant_id, read_guid(object, "tenant_id"));
  } else if (model.seed) {
    policy.tenant_id = model.seed->customer_tenant_id;
  }
  if (find_service_principal(model, policy.tenant_id, policy.app_id) == nullptr) {
    return bad_field("app_id",
                     fmt::format("The tenant {} has no service principal of the app {}. Consent to the app first "
                                 "(az ad sp create --id {}), or name another tenant_id",
                                 policy.tenant_id, policy.app_id, policy.app_id));
  }
  LATCHKEY_TRY(auto name, json_fields::optional_text(object, "", "display_name", {1, kLongestName}));
  policy.display_name = name.value_or("Block " + policy.app_id);
  LATCHKEY_TRY(policy.named_locations, read_locations(object));
  return policy;
}

json::object to_json(const ConditionalAccessPolicy& policy) {
  return {{"id", policy.id},
          {"display_name", policy.display_name},
          {"tenant_id", policy.tenant_id},
          {"app_id", policy.app_id},
          {"named_locations", json::array(policy.named_locations.begin(), policy.named_locations.end())}};
}

ConditionalAccessPolicy read_policy(const JsonReader& in) {
  return {in.text("id"), in.text("display_name"), in.text("tenant_id"), in.text("app_id"), in.texts("named_locations")};
}

std::optional<EntraRefusal> check_conditional_access(const Model& model, std::string_view tenant_id,
                                                     std::string_view app_id, std::string_view address) {
  bool is_blocked = std::any_of(model.conditional_access.begin(), model.conditional_access.end(), [&](const auto& one) {
    const auto& policy = one.second;
    return same(policy.tenant_id, tenant_id) && same(policy.app_id, app_id) &&
           std::none_of(policy.named_locations.begin(), policy.named_locations.end(),
                        [&](const std::string& location) { return is_within(location, address); });
  });
  if (!is_blocked) return std::nullopt;
  return EntraRefusal{53003, 400, "access_denied",
                      "Access has been blocked by Conditional Access policies. The access policy does not allow token "
                      "issuance."};
}

}  // namespace latchkey::clouds::azure::emulator
