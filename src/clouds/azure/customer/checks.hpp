// Judges the customer's state by the guide's prerequisites and checks, and returns findings. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clouds/azure/customer/customer_state.hpp"

namespace latchkey::clouds::azure::customer {

enum class Status {
  Good,
  Warning,  // works, but should be better
  Failed,   // the key cannot serve, or must not be used in this state
  Unknown,  // could not be checked
};
// "ok", "warning", "failed", "unknown".
[[nodiscard]] std::string_view to_string(Status status);

struct Finding {
  std::string check;  // a stable name: "rbac"
  Status status = Status::Unknown;
  std::string found = {};  // what the check found, for a person
  std::string cure = {};   // the command that cures it, or the person who can; empty where there is nothing to do
};

// All checks, in the guide's order and the round trip last, whatever the state is.
[[nodiscard]] std::vector<Finding> check_all(const CustomerState& state);
// True where any check has failed.
[[nodiscard]] bool any_failed(const std::vector<Finding>& findings);

// The parts of check_all.
[[nodiscard]] std::vector<Finding> check_vault(const CustomerState& state);
[[nodiscard]] std::vector<Finding> check_key(const CustomerState& state);
[[nodiscard]] std::vector<Finding> check_app(const CustomerState& state);
[[nodiscard]] std::vector<Finding> check_access(const CustomerState& state);

// True where a person could mistake one name for the other: they differ only in case, separators, digits that look like
// letters (0 and o, 1 and l, 5 and s), letters of other alphabets, or one character.
[[nodiscard]] bool looks_like(std::string_view name, std::string_view published);

// True where the roles together let the app do `action` ("Microsoft.KeyVault/vaults/keys/wrap/action").
[[nodiscard]] bool allows(const std::vector<Grant>& grants, std::string_view action);
// True where they let it do everything that the platform does: read, wrap and unwrap.
[[nodiscard]] bool allow_service(const std::vector<Grant>& grants);

}  // namespace latchkey::clouds::azure::customer
