// What every command shares: how it is registered and how it ends.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/connection.hpp"
#include "cli/output.hpp"
#include "dev/dev_customer.hpp"

namespace latchkey::cli {

class EmulatedCloud;      // emulated_cloud.hpp
class KeyOptionsOfCloud;  // key_options_of_cloud.hpp

// CLI11 parses the whole command line first; the chosen command then stores here what main runs.
struct Chosen {
  std::function<ExitCode()> action;
};

// Adds a command with its help: one sentence, and examples, each a line to paste.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& summary,
                      const std::vector<std::string>& examples);
// Adds a command that only groups others.
CLI::App* add_group(CLI::App& parent, const std::string& name, const std::string& summary);

// Adds -o/--output.
void add_output_option(CLI::App& command, OutputFormat& format);

// The NAME=VALUE texts of an option that may be given several times, by name. Invalid where a text has no "=", or where
// two texts have one name: nobody can know which of the two is meant.
[[nodiscard]] Result<std::map<std::string, std::string>> read_pairs(std::string_view option,
                                                                    const std::vector<std::string>& pairs);

void add_activity_commands(CLI::App& app, Chosen& chosen);
void add_explain_command(CLI::App& app, Chosen& chosen);
void add_completion_command(CLI::App& app, Chosen& chosen);
void add_data_commands(CLI::App& app, Chosen& chosen);
void add_data_key_commands(CLI::App& app, Chosen& chosen);
void add_dev_command(CLI::App& app, Chosen& chosen, std::shared_ptr<EmulatedCloud> cloud);
// `clouds`: those whose keys a command line can name.
void add_key_commands(CLI::App& app, Chosen& chosen, std::vector<std::shared_ptr<KeyOptionsOfCloud>> clouds);
void add_organization_commands(CLI::App& app, Chosen& chosen);
void add_root_key_commands(CLI::App& app, Chosen& chosen);
void add_serve_command(CLI::App& app, Chosen& chosen);
void add_tour_command(CLI::App& app, Chosen& chosen, dev::MakeDevCustomer make_customer);
void add_workspace_commands(CLI::App& app, Chosen& chosen);
void add_lease_commands(CLI::App& app, Chosen& chosen);
void add_webhook_commands(CLI::App& app, Chosen& chosen);

}  // namespace latchkey::cli
