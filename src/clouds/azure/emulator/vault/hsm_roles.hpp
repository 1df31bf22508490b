// The local roles of a managed HSM. The HSM itself, and not Resource Manager, decides who may do what in it, by
// assignments at "/", "/keys" or "/keys/{name}".
#pragma once

#include <optional>
#include <string_view>

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/tokens.hpp"

namespace latchkey::clouds::azure::emulator {

inline constexpr std::string_view kHsmAdministratorRole = "a290e904-7015-4bba-90c8-60543313cdb4";

// Why the caller may not do `data_action` with the key; `key` is empty for calls that are about all of them.
// Assignments made after `effective_before` do not hold yet.
[[nodiscard]] std::optional<Refusal> check_local_role(const Vault& hsm, const Caller& caller,
                                                      std::string_view data_action, std::string_view key,
                                                      Seconds effective_before);
// Responds to {scope}/providers/Microsoft.Authorization/roleAssignments and roleDefinitions; absent for other paths.
[[nodiscard]] std::optional<Outcome<http::Response>> handle_local_roles(Cloud& cloud, const http::Request& request,
                                                                        const Vault& hsm, const Caller& caller,
                                                                        Seconds now);
// Where an assignment is kept in Vault::local_assignments.
[[nodiscard]] std::string local_assignment_key(std::string_view scope, std::string_view name);

}  // namespace latchkey::clouds::azure::emulator
