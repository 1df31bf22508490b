#include <iostream>
#include <unistd.h>

#include "cli/azure/commands.hpp"
#include "cli/azure/dev_cloud.hpp"
#include "cli/azure/key_options.hpp"
#include "cli/azure/tour_customer.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "crypto/aead.hpp"
#include "terminal/standard_streams.hpp"

namespace latchkey::cli {

namespace {

ExitCode run(int argc, char** argv) {
  CLI::App app("Customer-managed encryption keys for multi-tenant products.", "latchkey");
  app.set_version_flag("--version", "latchkey " LATCHKEY_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Start here:\n  latchkey dev      a whole Latchkey with an Azure of its own, on this machine\n"
      "  latchkey tour     the main job, step by step, against it\n\n"
      "Exit codes: 0 done, 1 refused or failed, 2 wrong command line or environment.");
  Chosen chosen;
  add_dev_command(app, chosen, azure::make_emulated_cloud());
  add_tour_command(app, chosen, azure::make_tour_customer);
  add_serve_command(app, chosen);
  azure::add_azure_commands(app, chosen);
  azure::add_emulator_commands(app, chosen);
  add_organization_commands(app, chosen);
  add_key_commands(app, chosen, {azure::make_key_options()});
  add_workspace_commands(app, chosen);
  add_lease_commands(app, chosen);
  add_webhook_commands(app, chosen);
  add_root_key_commands(app, chosen);
  add_data_key_commands(app, chosen);
  add_data_commands(app, chosen);
  add_activity_commands(app, chosen);
  add_explain_command(app, chosen);
  add_completion_command(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitCode::Ok : ExitCode::Usage;
  }
  if (auto choice = crypto::check_aead_choice(); !choice) {
    static_cast<void>(report_error(choice.error(), OutputFormat::Text));
    return ExitCode::Usage;
  }
  return chosen.action();
}

}  // namespace

}  // namespace latchkey::cli

int main(int argc, char** argv) {
  using namespace latchkey;
  using namespace latchkey::cli;
  terminal::prepare_standard_streams();
  terminal::CheckedStream errors(std::cerr, STDERR_FILENO);
  terminal::CheckedStream output(std::cout, STDOUT_FILENO);
  auto code = run(argc, argv);
  // A command has failed where its results did not arrive.
  auto written = output.flush();
  if (!written && code == ExitCode::Ok) code = report_error(written.error(), OutputFormat::Text);
  return static_cast<int>(code);
}
