// A command that does its work through the Admin API.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/json_view.hpp"

namespace latchkey::cli {

// Adds the command together with the options for the `connection` and the `format` that `Options` has. The command
// connects to the server and runs `action`.
template <class Options>
CLI::App* add_admin_command(CLI::App& group, Chosen& chosen, const std::shared_ptr<Options>& options,
                            const std::string& name, const std::string& summary,
                            const std::vector<std::string>& examples, ExitCode (*action)(ApiClient&, const Options&)) {
  auto* command = add_command(group, name, summary, examples);
  add_connection_options(*command, options->connection, "LATCHKEY_ADMIN_KEY");
  add_output_option(*command, options->format);
  command->callback([&chosen, options, action] {
    chosen.action = [options, action] {
      return with_client(options->connection, options->format,
                         [&](ApiClient& client) { return action(client, *options); });
    };
  });
  return command;
}

}  // namespace latchkey::cli
