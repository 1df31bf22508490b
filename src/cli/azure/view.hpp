// How the azure commands show their results.
#pragma once

#include <vector>

#include <boost/json/array.hpp>

#include "cli/output.hpp"
#include "clouds/azure/customer/setup.hpp"

namespace latchkey::cli::azure {

// Prints a line for each check (its mark, its name, what it found) and, under it, the command that cures it. In JSON an
// array of {check, status, found, cure}.
void show_findings(const std::vector<clouds::azure::customer::Finding>& findings, OutputFormat format);

// Prints a line for a step that setup has done, or that had nothing to do.
void show_report(const clouds::azure::customer::Report& report);
// Prints the plan as a script for bash; the steps that have nothing to do are comments.
void show_plan(const std::vector<clouds::azure::customer::Step>& steps);

[[nodiscard]] boost::json::array plan_json(const std::vector<clouds::azure::customer::Step>& steps);
[[nodiscard]] boost::json::array reports_json(const std::vector<clouds::azure::customer::Report>& reports);
[[nodiscard]] boost::json::array findings_json(const std::vector<clouds::azure::customer::Finding>& findings);

}  // namespace latchkey::cli::azure
