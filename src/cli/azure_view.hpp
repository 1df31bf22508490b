// How the azure commands show what they found.
#pragma once

#include <vector>

#include "cli/output.hpp"
#include "customer/azure/checks.hpp"

namespace latchkey::cli {

// A line a check: its mark, its name, what was found, and under it the command that cures it. In JSON an array of
// {check, status, found, cure}.
void show_findings(const std::vector<customer::azure::Finding>& findings, OutputFormat format);

[[nodiscard]] boost::json::array findings_json(const std::vector<customer::azure::Finding>& findings);

}  // namespace latchkey::cli
