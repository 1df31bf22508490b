#include <iostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "server/clouds.hpp"

namespace latchkey::cli {

namespace {

boost::json::object as_json(const kms::ToldReason& told) {
  return {{"reason", told.text->entry->code},
          {"class", kms::to_string(told.text->entry->kind)},
          {"signal", told.text->signal},
          {"cause", told.cause()},
          {"cure", told.cure()}};
}

ExitCode print_all(const kms::ReasonCatalogue& catalogue, OutputFormat format) {
  if (format == OutputFormat::Json) {
    boost::json::array all;
    for (const auto& told : catalogue.reasons()) all.push_back(as_json(told));
    print_json(boost::json::object{{"data", std::move(all)}});
    return ExitCode::Ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& told : catalogue.reasons()) {
    const auto& entry = *told.text->entry;
    rows.push_back({std::string(entry.code), std::string(kms::to_string(entry.kind)), told.cause()});
  }
  print_table({"REASON", "CLASS", "CAUSE"}, rows);
  return ExitCode::Ok;
}

void print_one(const kms::ToldReason& told) {
  std::string signal(told.text->signal);
  std::erase(signal, '`');
  print_fields({{"reason", std::string(told.text->entry->code)},
                {"class", std::string(kms::to_string(told.text->entry->kind))},
                {"shows as", signal},
                {"cause", told.cause()},
                {"cure", told.cure()}});
}

ExitCode explain(const std::string& code, OutputFormat format) {
  const auto catalogue = server::reason_catalogue();
  if (code.empty()) return print_all(catalogue, format);
  auto found = catalogue.find(code);
  if (found.empty()) {
    return report_error(
        Error{ErrorCode::NotFound, fmt::format("there is no reason {}; \"latchkey explain\" lists them all", code)},
        format);
  }
  // Once for each cloud that has words of its own for it.
  for (const auto& told : found) {
    if (format == OutputFormat::Json) {
      print_json(as_json(told));
    } else {
      print_one(told);
    }
  }
  return ExitCode::Ok;
}

}  // namespace

void add_explain_command(CLI::App& app, Chosen& chosen) {
  auto code = std::make_shared<std::string>();
  auto format = std::make_shared<OutputFormat>(OutputFormat::Text);
  auto* command = add_command(app, "explain", "Explain why a key does not serve: a reason's cause and its cure",
                              {"latchkey explain role_missing", "latchkey explain -o json"});
  command->add_option("REASON", *code, "As an error names it; without, all of them");
  add_output_option(*command, *format);
  command->callback([&chosen, code, format] { chosen.action = [code, format] { return explain(*code, *format); }; });
}

}  // namespace latchkey::cli
