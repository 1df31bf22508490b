// The parts of the contract's rules that an operator may set.
#pragma once

#include <chrono>
#include <string>

#include "kms/validation.hpp"

namespace latchkey::admin {

struct AdminSettings {
  kms::OrganizationBinding organization_binding = kms::OrganizationBinding::Warn;
  std::string binding_slug = "latchkey";  // the tag is "<slug>-org-<organisation uuid>"
  std::chrono::milliseconds validation_timeout{30'000};
  unsigned validations_per_minute = 6;  // by the validate call, for one external key
  std::size_t max_live_workspaces = 100;
  // Limits of one organisation.
  std::size_t max_workspaces = 10'000;  // with the archived ones
  std::size_t max_external_keys = 1'000;
};

}  // namespace latchkey::admin
