#include "cli/azure/commands.hpp"

#include "cli/azure/session.hpp"
#include "cli/azure/setup_command.hpp"
#include "cli/azure/view.hpp"
#include "clouds/azure/customer/checks.hpp"

namespace latchkey::cli::azure {

namespace {

namespace customer = clouds::azure::customer;

ExitCode verify(const AzureOptions& options) {
  auto session = [&] {
    Waiting waiting("signing in");
    return AzureSession::open(options);
  }();
  if (!session) return report_azure_error(session.error(), options.format);
  auto findings = [&] {
    Waiting waiting("looking at the vault, the key and the app");
    auto state = session.value()->customer().gather();
    state.round_trip = customer::try_round_trip(session.value()->platform(), state);
    return customer::check_all(state);
  }();
  show_findings(findings, options.format);
  return customer::any_failed(findings) ? ExitCode::Failed : ExitCode::Ok;
}

}  // namespace

void add_azure_commands(CLI::App& app, Chosen& chosen) {
  auto* group = add_group(app, "azure", "The customer's side in Azure: check it, set it up");
  auto options = std::make_shared<AzureOptions>();
  auto* command =
      add_command(*group, "verify", "Check all that the guide asks of the vault, the key and the app",
                  {"latchkey azure verify --vault contoso --key cmek",
                   "latchkey azure verify --vault contoso --key cmek -o json | jq '.[] | select(.status != \"ok\")'"});
  add_azure_options(*command, *options);
  command->callback([&chosen, options] { chosen.action = [options] { return verify(*options); }; });
  add_azure_setup_command(*group, chosen);
}

}  // namespace latchkey::cli::azure
