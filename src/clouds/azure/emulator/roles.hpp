// Those of Azure's built-in roles that vaults need, with the definitions that Microsoft publishes, and the roles that
// customers make.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

struct RoleDefinition {
  std::string_view id;
  std::string_view name;
  std::string_view description;
  std::vector<std::string_view> actions;
  std::vector<std::string_view> not_actions;
  std::vector<std::string_view> data_actions;
  // The roles whose assignments the holder may write; empty: every role that its actions let it write.
  std::vector<std::string_view> assignable_roles = {};
  std::vector<std::string_view> not_data_actions = {};
  // The scopes at which the role may be assigned; empty: everywhere.
  std::vector<std::string_view> assignable_scopes = {};
  bool is_custom = false;
};

inline constexpr std::string_view kOwnerRole = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
inline constexpr std::string_view kVaultAdministratorRole = "00482a5a-887f-4fb3-b363-3b7fe8e74483";
inline constexpr std::string_view kCryptoUserRole = "12338af0-0e69-4776-bea7-57ae8d297424";

[[nodiscard]] std::span<const RoleDefinition> built_in_roles();
// Finds a built-in role; null where none has that id.
[[nodiscard]] const RoleDefinition* find_role(std::string_view id);
// Finds a built-in role, or a customer's own in `model`.
[[nodiscard]] std::optional<RoleDefinition> find_role(const Model& model, std::string_view id);
[[nodiscard]] RoleDefinition view_of(const CustomRole& role);

}  // namespace latchkey::clouds::azure::emulator
