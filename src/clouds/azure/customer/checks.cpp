#include "clouds/azure/customer/checks.hpp"

#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

namespace {

constexpr std::chrono::minutes kPropagation{10};

// The role assignment exists, but the vault does not heed it yet.
std::string cure_for_propagation(const CustomerState& state) {
  std::optional<Timestamp> newest;
  for (const auto& grant : state.grants.value()) {
    const auto& created = grant.assignment.created;
    if (created && (!newest || *newest < *created)) newest = created;
  }
  if (newest && state.now - *newest > kPropagation) {
    return fmt::format(
        "the role was given at {}, longer ago than Azure takes: look for a deny assignment, or give it anew",
        format_timestamp(*newest));
  }
  return fmt::format("wait, and run this again: the role was given {}, and Azure takes up to ten minutes to heed it",
                     newest ? "at " + format_timestamp(*newest) : "a moment ago");
}

// For a failure that no other finding cures. Latchkey's response has no code for the cause, so its words decide.
std::string cure_for_failure(const CustomerState& state) {
  auto says = [&](std::string_view words) { return boost::algorithm::icontains(state.round_trip.found, words); };
  if (says("Conditional Access")) {
    auto app = state.principal ? state.principal.value().object_id : state.target.app.client_id;
    return fmt::format(
        "in the Entra admin center, Conditional Access: exclude the service principal {} ({}) from the policy, or add "
        "{} to its named locations",
        clouds::azure::shown_text(app, 64), state.target.app.display_name,
        fmt::join(state.target.app.egress_ranges, ", "));
  }
  if (says("a role is missing on the key") && state.grants && allow_service(state.grants.value())) {
    return cure_for_propagation(state);
  }
  return "";
}

Finding check_round_trip(const CustomerState& state) {
  Finding finding{"round-trip", Status::Unknown, state.round_trip.found, state.round_trip.cure};
  switch (state.round_trip.outcome) {
    case RoundTrip::Outcome::NotTried:
      break;
    case RoundTrip::Outcome::Succeeded:
      finding.status = Status::Good;
      break;
    case RoundTrip::Outcome::Failed:
      finding.status = Status::Failed;
      if (finding.cure.empty()) finding.cure = cure_for_failure(state);
      break;
  }
  if (finding.found.empty()) finding.found = "not tried";
  return finding;
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::Good:
      return "ok";
    case Status::Warning:
      return "warning";
    case Status::Failed:
      return "failed";
    case Status::Unknown:
      return "unknown";
  }
  return "";
}

std::vector<Finding> check_all(const CustomerState& state) {
  std::vector<Finding> all;
  for (auto part : {check_vault, check_key, check_app, check_access}) {
    auto findings = part(state);
    all.insert(all.end(), std::make_move_iterator(findings.begin()), std::make_move_iterator(findings.end()));
  }
  all.push_back(check_round_trip(state));
  return all;
}

bool any_failed(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.status == Status::Failed; });
}

}  // namespace latchkey::clouds::azure::customer
