// How the azure commands show what they found.
#pragma once

#include <vector>

#include <boost/json/array.hpp>

#include "cli/output.hpp"
#include "customer/azure/setup.hpp"

namespace latchkey::cli {

// A line a check: its mark, its name, what was found, and under it the command that cures it. In JSON an array of
// {check, status, found, cure}.
void show_findings(const std::vector<customer::azure::Finding>& findings, OutputFormat format);

// A line for a step that was done, or was so already.
void show_report(const customer::azure::Report& report);
// The plan as a script for bash: what is so already as comments.
void show_plan(const std::vector<customer::azure::Step>& steps);

[[nodiscard]] boost::json::array plan_json(const std::vector<customer::azure::Step>& steps);
[[nodiscard]] boost::json::array reports_json(const std::vector<customer::azure::Report>& reports);
[[nodiscard]] boost::json::array findings_json(const std::vector<customer::azure::Finding>& findings);

}  // namespace latchkey::cli
