// Role-based access control: it denies by default. An assignment at a scope holds for everything beneath the scope. A
// role allows what its actions name and its notActions do not; data actions are separate from the others. Pure.
#pragma once

#include <string>
#include <string_view>

#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

enum class Plane { Control, Data };

struct AccessQuestion {
  std::string_view principal_id;
  std::string_view resource;  // "/subscriptions/...": compared in any case
  std::string_view action;    // "Microsoft.KeyVault/vaults/keys/wrap/action"
  Plane plane = Plane::Control;
  // Assignments made after this moment do not hold yet; those removed after it still do.
  Seconds effective_before = 0;
};

[[nodiscard]] bool is_allowed(const Model& model, const AccessQuestion& question);
// True where `question`, a write or delete of assignments, is allowed for assignments of this role.
[[nodiscard]] bool may_assign(const Model& model, const AccessQuestion& question, std::string_view role_id);
// `resource` is `scope` or beneath it; "/" is above everything.
[[nodiscard]] bool is_within(std::string_view resource, std::string_view scope);

}  // namespace latchkey::clouds::azure::emulator
