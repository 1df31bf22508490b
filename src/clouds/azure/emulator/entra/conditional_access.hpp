// Conditional Access for workload identities: a policy has Entra deny a service principal its tokens, unless the
// request comes from a named location. Pure.
#pragma once

#include <optional>
#include <string_view>

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/entra/entra_errors.hpp"
#include "clouds/azure/emulator/json_reader.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

// "203.0.113.9", "203.0.113.0/24", "2001:db8::/32": the parts of a named location.
[[nodiscard]] bool is_location(std::string_view range);

// From the body of POST /_emulator/conditional_access: "app_id", and where it is not the seeded customer's,
// "tenant_id"; "display_name" and "named_locations" may be absent. The policy has no id yet. Invalid names the field
// and its cure; it also names a service principal that does not exist.
[[nodiscard]] Result<ConditionalAccessPolicy> policy_from_request(const Model& model,
                                                                  const boost::json::object& object);

// As control shows it and as the state keeps it.
[[nodiscard]] boost::json::object to_json(const ConditionalAccessPolicy& policy);
[[nodiscard]] ConditionalAccessPolicy read_policy(const JsonReader& in);

// Absent where no policy denies the application a token of this tenant at this address. Entra checks it after the
// credential.
[[nodiscard]] std::optional<EntraRefusal> check_conditional_access(const Model& model, std::string_view tenant_id,
                                                                   std::string_view app_id, std::string_view address);

}  // namespace latchkey::clouds::azure::emulator
