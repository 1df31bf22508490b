// Carries out a plan: it looks, compares, changes what differs, and reports of each step what it did or that there was
// nothing to do. A second run changes nothing. Blocking: for command lines.
#pragma once

#include <chrono>
#include <functional>

#include "clouds/azure/customer/checks.hpp"
#include "clouds/azure/customer/customer_side.hpp"
#include "clouds/azure/customer/plan.hpp"

namespace latchkey::clouds::azure::customer {

enum class Outcome {
  Already,  // nothing to do
  Done,
  Checked,  // changed nothing; a check succeeded
  Left,     // the options leave it out
};
// "already", "done", "checked", "left".
[[nodiscard]] std::string_view to_string(Outcome outcome);

struct Report {
  std::string step;  // as to_string(StepKind) says, or "verify"
  Outcome outcome = Outcome::Done;
  std::string text;
};

struct SetupTools {
  Platform* platform = nullptr;  // may be null with SetupOptions::azure_only
  const Clock& clock;
  RandomSource& random;
  std::function<void(std::chrono::seconds)> sleep;
  // How long to wait for changes that take Azure a while: role assignments, names, network rules.
  std::chrono::seconds timeout{900};
  std::function<void(const Report&)> report;
  // Called before each wait, with what the wait is for and why.
  std::function<void(const std::string&)> progress;
  // Called before a step that cannot be undone.
  std::function<Result<bool>(const std::string& question)> confirm;
  // The findings of the verification, where any has failed.
  std::function<void(const std::vector<Finding>&)> show_findings;
};

// Asks Latchkey about the key and the workspace. Empty where `platform` is null.
[[nodiscard]] Result<Registration> look_at_platform(Platform* platform, const Target& target,
                                                    const std::string& workspace);

// Errors: those of make_plan, before anything has changed; those of a step, with the step's name; Conflict where the
// verification fails or nobody confirms; KeyDenied where the key does not validate within the timeout.
[[nodiscard]] Result<void> set_up(CustomerSide& customer, SetupTools tools, SetupOptions options);

// Validates again and again until it succeeds, because role assignments take minutes to hold. Gives up at once where
// waiting does not help (Conditional Access, the platform's own credential), and after `timeout` otherwise, with the
// last reason.
[[nodiscard]] Result<void> wait_for_validation(Platform& platform, const std::string& id, std::chrono::seconds timeout,
                                               const SetupTools& tools);

}  // namespace latchkey::clouds::azure::customer
