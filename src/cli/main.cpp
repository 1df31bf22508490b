#include <iostream>

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "crypto/aead.hpp"

int main(int argc, char** argv) {
  using namespace latchkey::cli;
  CLI::App app("Customer-managed encryption keys for multi-tenant products.", "latchkey");
  app.set_version_flag("--version", "latchkey " LATCHKEY_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Start here:\n  latchkey dev      a whole Latchkey with an Azure of its own, on this machine\n"
      "  latchkey tour     the main job, step by step, against it\n\n"
      "Exit codes: 0 done, 1 refused or failed, 2 wrong command line or environment.");
  Chosen chosen;
  add_dev_command(app, chosen);
  add_tour_command(app, chosen);
  add_serve_command(app, chosen);
  add_azure_commands(app, chosen);
  add_emulator_commands(app, chosen);
  add_organization_commands(app, chosen);
  add_key_commands(app, chosen);
  add_workspace_commands(app, chosen);
  add_lease_commands(app, chosen);
  add_webhook_commands(app, chosen);
  add_data_key_commands(app, chosen);
  add_data_commands(app, chosen);
  add_activity_commands(app, chosen);
  add_explain_command(app, chosen);
  add_completion_command(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::Usage);
  }
  if (auto choice = latchkey::crypto::check_aead_choice(); !choice) {
    static_cast<void>(report_error(choice.error(), OutputFormat::Text));
    return static_cast<int>(ExitCode::Usage);
  }
  return static_cast<int>(chosen.action());
}
