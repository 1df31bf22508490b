// How the azure commands show what they found.
#pragma once

#include <vector>

#include <boost/json/array.hpp>

#include "cli/output.hpp"
#include "clouds/azure/customer/setup.hpp"

namespace latchkey::cli::azure {

// A line a check: its mark, its name, what was found, and under it the command that cures it. In JSON an array of
// {check, status, found, cure}.
void show_findings(const std::vector<clouds::azure::customer::Finding>& findings, OutputFormat format);

// A line for a step that was done, or had nothing to do.
void show_report(const clouds::azure::customer::Report& report);
// The plan as a script for bash, with the steps that have nothing to do as comments.
void show_plan(const std::vector<clouds::azure::customer::Step>& steps);

[[nodiscard]] boost::json::array plan_json(const std::vector<clouds::azure::customer::Step>& steps);
[[nodiscard]] boost::json::array reports_json(const std::vector<clouds::azure::customer::Report>& reports);
[[nodiscard]] boost::json::array findings_json(const std::vector<clouds::azure::customer::Finding>& findings);

}  // namespace latchkey::cli::azure
