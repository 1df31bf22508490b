#include "cli/azure/view.hpp"

#include <algorithm>
#include <iostream>

#include <boost/json/array.hpp>
#include <fmt/format.h>

namespace latchkey::cli::azure {

using clouds::azure::customer::Finding;
using clouds::azure::customer::Outcome;
using clouds::azure::customer::Report;
using clouds::azure::customer::Status;
using clouds::azure::customer::Step;
using clouds::azure::customer::StepState;

namespace {

std::string mark_of(Status status) {
  switch (status) {
    case Status::Good:
      return styled(Style::Good, "✓");
    case Status::Warning:
      return styled(Style::Warn, "!");
    case Status::Failed:
      return styled(Style::Bad, "✗");
    case Status::Unknown:
      return styled(Style::Dim, "–");
  }
  return "";
}

std::size_t count(const std::vector<Finding>& findings, Status status) {
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                [&](const Finding& finding) { return finding.status == status; }));
}

constexpr std::size_t kStepWidth = 9;

std::string_view name_of(StepState state) {
  switch (state) {
    case StepState::Already:
      return "already";
    case StepState::ToDo:
      return "to_do";
    case StepState::Left:
      return "left";
  }
  return "";
}

std::string mark_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::Already:
    case Outcome::Checked:
      return styled(Style::Good, "✓");
    case Outcome::Done:
      return styled(Style::Accent, "+");
    case Outcome::Left:
      return styled(Style::Dim, "–");
  }
  return "";
}

}  // namespace

void show_report(const Report& report) {
  std::cout << fmt::format("{} {:<{}}  {}{}\n", mark_of(report.outcome), report.step, kStepWidth,
                           report.outcome == Outcome::Already ? "already so: " : "", report.text)
            << std::flush;
}

void show_plan(const std::vector<Step>& steps) {
  for (const auto& step : steps) {
    auto line = fmt::format("# {:<{}}  {}{}", to_string(step.kind), kStepWidth,
                            step.state == StepState::Already ? "already so: " : "", step.text);
    std::cout << styled(Style::Dim, line) << '\n';
    for (const auto& command : step.commands) std::cout << command << '\n';
  }
  std::cout << std::flush;
}

boost::json::array plan_json(const std::vector<Step>& steps) {
  boost::json::array list;
  for (const auto& step : steps) {
    boost::json::array commands;
    for (const auto& command : step.commands) commands.emplace_back(command);
    list.push_back(boost::json::object{{"step", to_string(step.kind)},
                                       {"state", name_of(step.state)},
                                       {"text", step.text},
                                       {"commands", std::move(commands)}});
  }
  return list;
}

boost::json::array reports_json(const std::vector<Report>& reports) {
  boost::json::array list;
  for (const auto& report : reports) {
    list.push_back(
        boost::json::object{{"step", report.step}, {"outcome", to_string(report.outcome)}, {"text", report.text}});
  }
  return list;
}

boost::json::array findings_json(const std::vector<Finding>& findings) {
  boost::json::array list;
  for (const auto& finding : findings) {
    boost::json::value cure = nullptr;
    if (!finding.cure.empty()) cure = boost::json::string(finding.cure);
    list.push_back(boost::json::object{
        {"check", finding.check}, {"status", to_string(finding.status)}, {"found", finding.found}, {"cure", cure}});
  }
  return list;
}

void show_findings(const std::vector<Finding>& findings, OutputFormat format) {
  if (format == OutputFormat::Json) {
    print_json(findings_json(findings));
    return;
  }
  std::size_t width = 0;
  for (const auto& finding : findings) width = std::max(width, finding.check.size());
  std::cout << styled(Style::Dim, fmt::format("  {:<{}}  {}", "CHECK", width, "FOUND, AND ITS CURE")) << '\n';
  for (const auto& finding : findings) {
    std::cout << fmt::format("{} {:<{}}  {}\n", mark_of(finding.status), finding.check, width, finding.found);
    if (finding.cure.empty()) continue;
    std::cout << fmt::format("  {:<{}}  {}\n", "", width, styled(Style::Accent, "→ " + finding.cure));
  }
  std::cout << fmt::format("{} ok, {} to improve, {} wrong, {} not checked\n", count(findings, Status::Good),
                           count(findings, Status::Warning), count(findings, Status::Failed),
                           count(findings, Status::Unknown))
            << std::flush;
}

}  // namespace latchkey::cli::azure
