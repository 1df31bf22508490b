// Resource Manager: tenants, subscriptions, groups, vaults, roles and diagnostic settings, each call checked against
// the caller's roles at its scope.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/odata_match.hpp"
#include "clouds/azure/emulator/tokens.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

// Thread-safe. Changes wait for the disk: do not call it on I/O threads.
class ResourceManager {
 public:
  explicit ResourceManager(Cloud& cloud) : cloud_(cloud) {}
  [[nodiscard]] http::Response handle(const http::Request& request);

 private:
  [[nodiscard]] Outcome<http::Response> respond(const http::Request& request);

  Cloud& cloud_;
};

namespace arm {

// A call whose token is valid for Resource Manager and for the subscription in its path.
struct Call {
  Cloud& cloud;
  const http::Request& request;
  Snapshot model;
  Caller caller;
  std::vector<std::string> path;  // decoded segments
  Seconds now = 0;

  [[nodiscard]] const std::string& method() const { return request.method; }
  // True where the path has exactly these segments; "*" stands for any one, and letters match in any case.
  [[nodiscard]] bool is(std::initializer_list<std::string_view> pattern) const;
  // "/a/b" of the first `count` segments.
  [[nodiscard]] std::string scope(std::size_t count) const;
  // AuthorizationFailed unless the caller may do it.
  [[nodiscard]] Outcome<void> require(std::string_view action, const std::string& scope) const;
  [[nodiscard]] bool may(std::string_view action, const std::string& scope) const;
};

// Each responds to the calls that it knows, and returns nothing for other paths.
[[nodiscard]] std::optional<Outcome<http::Response>> handle_groups(Call& call);
[[nodiscard]] std::optional<Outcome<http::Response>> handle_resources(Call& call);
[[nodiscard]] std::optional<Outcome<http::Response>> handle_vaults(Call& call);
[[nodiscard]] std::optional<Outcome<http::Response>> handle_deleted_vaults(Call& call);
[[nodiscard]] std::optional<Outcome<http::Response>> handle_managed_hsms(Call& call);
[[nodiscard]] std::optional<Outcome<http::Response>> handle_roles(Call& call);
[[nodiscard]] std::optional<Outcome<http::Response>> handle_diagnostics(Call& call);
// Served without a token: tools read it to learn a cloud's addresses.
[[nodiscard]] http::Response metadata_endpoints(const http::Request& request);

[[nodiscard]] Refusal bad_request(std::string message);
[[nodiscard]] Refusal method_not_allowed(const Call& call);
[[nodiscard]] Refusal group_not_found(std::string_view name);
[[nodiscard]] Refusal vault_not_found(std::string_view vault, std::string_view group);
[[nodiscard]] Outcome<boost::json::object> read_body(const http::Request& request);
// ResourceGroupNotFound where the path names a group that does not exist. Resource Manager refuses every GET beneath
// such a group with it.
[[nodiscard]] Outcome<void> check_group(const Call& call);
// "West Europe" and "westeurope" are one place; responses show the second.
[[nodiscard]] std::string location_name(std::string_view text);
// The tags of a resource's body, within Resource Manager's bounds; absent where the body has none.
[[nodiscard]] Outcome<std::optional<boost::json::object>> read_tags(const boost::json::object& body);

// Refuses "$" options that a GET of this path does not have.
[[nodiscard]] Outcome<void> check_options(const Call& call);
// The parsed $filter; absent where there is none.
[[nodiscard]] Outcome<std::optional<odata::Filter>> parse_filter_of(const Call& call);
// The same, checked against the schema, with places by the names that responses show.
[[nodiscard]] Outcome<std::optional<odata::Filter>> read_filter(const Call& call, odata::Schema schema);
// True where the filter, if any, matches these fields and tags; tagName and tagValue must be of one tag.
[[nodiscard]] bool lets_any_through(const std::optional<odata::Filter>& filter, odata::Schema schema,
                                    const boost::json::object& fields, const boost::json::object& tags);
[[nodiscard]] Refusal invalid_filter(const Call& call);
// Refuses the filter in the words of Microsoft.Authorization.
[[nodiscard]] Refusal unsupported_filter(const Call& call, std::string_view supported);
// Responds with {"value": items}, in pages where $top asks for them.
[[nodiscard]] Outcome<http::Response> list_response(const Call& call, boost::json::array items);
// The vault of a path that begins /subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v.
[[nodiscard]] Outcome<const Vault*> vault_at(const Model& model, const std::vector<std::string>& path);

[[nodiscard]] boost::json::object show_vault(const Vault& vault);
// Changes `vault` as the body of a PUT (of a new vault or not) or PATCH says.
[[nodiscard]] Outcome<void> apply_vault_body(const Model& model, const boost::json::object& body, bool is_new,
                                             Vault& vault);
// Removes the role assignments at and beneath a deleted scope.
void forget_assignments(Model& model, const std::string& scope);

}  // namespace arm

}  // namespace latchkey::clouds::azure::emulator
