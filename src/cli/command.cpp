#include "cli/command.hpp"

#include <map>

#include <fmt/format.h>

namespace latchkey::cli {

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& summary,
                      const std::vector<std::string>& examples) {
  auto* command = parent.add_subcommand(name, summary);
  std::string footer = examples.size() == 1 ? "Example:\n" : "Examples:\n";
  for (const auto& example : examples) footer += "  " + example + "\n";
  command->footer(footer);
  return command;
}

CLI::App* add_group(CLI::App& parent, const std::string& name, const std::string& summary) {
  auto* group = parent.add_subcommand(name, summary);
  group->require_subcommand(1);
  group->footer("Each has an example in its --help.");
  return group;
}

void add_output_option(CLI::App& command, OutputFormat& format) {
  static const std::map<std::string, OutputFormat> kFormats{{"text", OutputFormat::Text}, {"json", OutputFormat::Json}};
  command.add_option("-o,--output", format, "text (default) or json")
      ->transform(CLI::CheckedTransformer(kFormats).description(""))
      ->type_name("FORMAT");
}

Result<std::map<std::string, std::string>> read_pairs(std::string_view option, const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> read;
  for (const auto& pair : pairs) {
    auto equals = pair.find('=');
    if (equals == std::string::npos) {
      return Error{ErrorCode::Invalid, fmt::format("{} takes NAME=VALUE, not \"{}\"", option, pair)};
    }
    auto name = pair.substr(0, equals);
    if (!read.emplace(name, pair.substr(equals + 1)).second) {
      return Error{ErrorCode::Invalid, fmt::format("{} names {} twice: give it once", option, name)};
    }
  }
  return read;
}

}  // namespace latchkey::cli
