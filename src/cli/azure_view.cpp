#include "cli/azure_view.hpp"

#include <algorithm>
#include <iostream>

#include <boost/json/array.hpp>
#include <fmt/format.h>

namespace latchkey::cli {

using customer::azure::Finding;
using customer::azure::Status;

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

}  // namespace

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

}  // namespace latchkey::cli
