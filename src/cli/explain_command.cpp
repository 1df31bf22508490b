#include <iostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::cli {

namespace {

boost::json::object as_json(const kms::ReasonText& text) {
  return {{"reason", text.entry->code},
          {"class", kms::to_string(text.entry->kind)},
          {"signal", text.signal},
          {"cause", kms::cause_of(text, {})},
          {"cure", kms::cure_of(text, {})}};
}

ExitCode print_all(OutputFormat format) {
  if (format == OutputFormat::Json) {
    boost::json::array all;
    for (const auto& text : kms::reason_catalogue()) all.push_back(as_json(text));
    print_json(boost::json::object{{"data", std::move(all)}});
    return ExitCode::Ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& text : kms::reason_catalogue()) {
    rows.push_back(
        {std::string(text.entry->code), std::string(kms::to_string(text.entry->kind)), kms::cause_of(text, {})});
  }
  print_table({"REASON", "CLASS", "CAUSE"}, rows);
  return ExitCode::Ok;
}

ExitCode explain(const std::string& code, OutputFormat format) {
  if (code.empty()) return print_all(format);
  const auto* text = kms::find_reason(code);
  if (text == nullptr) {
    return report_error(
        Error{ErrorCode::NotFound, fmt::format("there is no reason {}; \"latchkey explain\" lists them all", code)},
        format);
  }
  if (format == OutputFormat::Json) {
    print_json(as_json(*text));
    return ExitCode::Ok;
  }
  std::string signal(text->signal);
  std::erase(signal, '`');
  print_fields({{"reason", std::string(text->entry->code)},
                {"class", std::string(kms::to_string(text->entry->kind))},
                {"shows as", signal},
                {"cause", kms::cause_of(*text, {})},
                {"cure", kms::cure_of(*text, {})}});
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
