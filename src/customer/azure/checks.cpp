#include "customer/azure/checks.hpp"

#include <algorithm>

namespace latchkey::customer::azure {

namespace {

Finding check_round_trip(const Facts& facts) {
  Finding finding{"round-trip", Status::Unknown, facts.round_trip.found, facts.round_trip.cure};
  switch (facts.round_trip.outcome) {
    case RoundTrip::Outcome::NotTried:
      break;
    case RoundTrip::Outcome::Succeeded:
      finding.status = Status::Good;
      break;
    case RoundTrip::Outcome::Failed:
      finding.status = Status::Failed;
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

std::vector<Finding> check_all(const Facts& facts) {
  std::vector<Finding> all;
  for (auto part : {check_vault, check_key, check_app, check_access}) {
    auto findings = part(facts);
    all.insert(all.end(), std::make_move_iterator(findings.begin()), std::make_move_iterator(findings.end()));
  }
  all.push_back(check_round_trip(facts));
  return all;
}

bool any_failed(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.status == Status::Failed; });
}

}  // namespace latchkey::customer::azure
