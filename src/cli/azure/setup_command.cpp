#include "cli/azure/setup_command.hpp"

#include <iostream>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/azure/session.hpp"
#include "cli/azure/view.hpp"
#include "cli/confirm.hpp"
#include "terminal/standard_streams.hpp"

namespace latchkey::cli::azure {

namespace {

namespace customer = clouds::azure::customer;

struct SetupCommandOptions {
  AzureOptions azure;
  customer::SetupOptions setup;
  std::string log_analytics;
  std::string storage_account;
  std::string event_hub_rule;
  std::string event_hub;
  std::chrono::seconds::rep timeout = 900;
  bool dry_run = false;
  bool yes = false;
};

// Reads a resource's id, or its name where it is in the vault's resource group.
Result<std::string> resource_id(const SetupCommandOptions& options, const std::string& subscription,
                                const std::string& given, std::string_view type) {
  if (given.starts_with("/subscriptions/")) return given;
  const auto& group = options.azure.where.resource_group;
  if (group.empty() || given.find('/') != std::string::npos) {
    return Error{ErrorCode::Invalid,
                 fmt::format("{} is no resource id: give it whole (/subscriptions/...), or its name "
                             "with --resource-group",
                             given)};
  }
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/{}/{}", subscription, group, type, given);
}

Result<std::optional<customer::LogSink>> read_sink(const SetupCommandOptions& options,
                                                   const std::string& subscription) {
  using Kind = customer::LogSink::Kind;
  std::optional<customer::LogSink> sink;
  if (!options.log_analytics.empty()) {
    LATCHKEY_TRY(auto id,
                 resource_id(options, subscription, options.log_analytics, "Microsoft.OperationalInsights/workspaces"));
    sink = customer::LogSink{Kind::Workspace, std::move(id), ""};
  } else if (!options.storage_account.empty()) {
    LATCHKEY_TRY(auto id,
                 resource_id(options, subscription, options.storage_account, "Microsoft.Storage/storageAccounts"));
    sink = customer::LogSink{Kind::StorageAccount, std::move(id), ""};
  } else if (!options.event_hub_rule.empty()) {
    if (!options.event_hub_rule.starts_with("/subscriptions/")) {
      return Error{ErrorCode::Invalid,
                   "--event-hub wants the id of an authorization rule of the namespace: "
                   "/subscriptions/.../namespaces/NAME/authorizationRules/RULE"};
    }
    sink = customer::LogSink{Kind::EventHub, options.event_hub_rule, options.event_hub};
  }
  return sink;
}

Result<customer::SetupOptions> read_setup_options(const SetupCommandOptions& options, AzureSession& session) {
  auto setup = options.setup;
  LATCHKEY_TRY(setup.sink, read_sink(options, session.customer().subscription().id));
  setup.resource_group = options.azure.where.resource_group;
  setup.url = options.azure.connection.url;
  while (setup.url.ends_with('/')) setup.url.pop_back();
  const auto& target = session.customer().target();
  if (setup.display_name.empty()) setup.display_name = fmt::format("{}/{}", target.vault_name, target.key_name);
  if (session.platform() == nullptr && !setup.azure_only) {
    return Error{
        ErrorCode::Invalid,
        "no Admin API key to register the key with: set LATCHKEY_URL and LATCHKEY_ADMIN_KEY, or say --azure-only "
        "to leave that to whoever has one"};
  }
  if (!setup.workspace.empty() && !options.dry_run && !options.yes && !can_ask()) {
    return Error{ErrorCode::Invalid,
                 "attaching to a workspace is for good, and nobody is here to confirm it: say --yes if you mean it"};
  }
  return setup;
}

// Shows a line on standard error; on a terminal the next line replaces it.
void show_progress(const std::string& text) {
  if (isatty(STDERR_FILENO) == 1) {
    terminal::redraw_line("… " + text);
  } else {
    std::cerr << "… " << text << '\n';
  }
}

void end_progress() {
  if (isatty(STDERR_FILENO) == 1) terminal::redraw_line("");
}

ExitCode dry_run(const SetupCommandOptions& options, AzureSession& session, const customer::SetupOptions& setup) {
  auto state = session.customer().gather();
  auto* platform = setup.azure_only ? nullptr : session.platform();
  auto registration = customer::look_at_platform(platform, session.customer().target(), setup.workspace);
  if (!registration) return report_azure_error(registration.error(), options.azure.format);
  auto plan = customer::make_plan(state, registration.value(), setup);
  if (!plan) return report_azure_error(plan.error(), options.azure.format);
  if (options.azure.format == OutputFormat::Json) {
    print_json(boost::json::object{{"dry_run", true}, {"steps", plan_json(plan.value())}});
  } else {
    show_plan(plan.value());
  }
  return ExitCode::Ok;
}

ExitCode carry_out(const SetupCommandOptions& options, AzureSession& session, customer::SetupOptions setup) {
  bool json = options.azure.format == OutputFormat::Json;
  std::vector<customer::Report> reports;
  std::vector<customer::Finding> findings;
  customer::SetupTools tools{session.platform(),
                             session.clock(),
                             session.random(),
                             [](std::chrono::seconds time) { std::this_thread::sleep_for(time); },
                             std::chrono::seconds(options.timeout),
                             [&](const customer::Report& report) {
                               end_progress();
                               reports.push_back(report);
                               if (!json) show_report(report);
                             },
                             show_progress,
                             [&](const std::string& question) {
                               end_progress();
                               return confirmed(options.yes, question);
                             },
                             [&](const std::vector<customer::Finding>& shown) {
                               end_progress();
                               findings = shown;
                               if (!json) show_findings(shown, OutputFormat::Text);
                             }};
  auto done = customer::set_up(session.customer(), std::move(tools), std::move(setup));
  end_progress();
  bool changed = std::any_of(reports.begin(), reports.end(),
                             [](const customer::Report& report) { return report.outcome == customer::Outcome::Done; });
  if (json) {
    boost::json::object result{{"changed", changed}, {"steps", reports_json(reports)}};
    if (!findings.empty()) result["findings"] = findings_json(findings);
    if (!done) {
      auto error = error_json(done.error());
      error["reason"] = done.error().reason.code();
      result["error"] = std::move(error);
    }
    print_json(result);
  } else if (done) {
    std::cout << (changed ? "set up\n" : "nothing to change: it was set up already\n") << std::flush;
  }
  return done ? ExitCode::Ok : report_azure_error(done.error(), OutputFormat::Text);
}

ExitCode set_up(const SetupCommandOptions& options) {
  auto session = [&] {
    Waiting waiting("signing in");
    return AzureSession::open(options.azure);
  }();
  if (!session) return report_azure_error(session.error(), options.azure.format);
  auto setup = read_setup_options(options, *session.value());
  if (!setup) return report_azure_error(setup.error(), options.azure.format);
  return options.dry_run ? dry_run(options, *session.value(), setup.value())
                         : carry_out(options, *session.value(), std::move(setup.value()));
}

void add_vault_options(CLI::App& command, SetupCommandOptions& options) {
  auto& setup = options.setup;
  command.add_option("-l,--location", setup.location, "Where a missing vault is made (with --resource-group)");
  command.add_option("--size", setup.bits, "The new key's size: 3072 or 4096")
      ->capture_default_str()
      ->check(CLI::IsMember(std::set<unsigned>{3072, 4096}));
  command.add_flag("--hsm", setup.hsm, "A key in an HSM; the vault must be, or is made, Premium");
  static const std::map<std::string, customer::commands::Scope> kScopes{{"key", customer::commands::Scope::Key},
                                                                        {"vault", customer::commands::Scope::Vault}};
  command.add_option("--scope", setup.scope, "What the app's role covers: key (default) or vault")
      ->transform(CLI::CheckedTransformer(kScopes).description(""))
      ->type_name("SCOPE");
  command.add_option("--role", setup.role, "The app's role; the guide's Key Vault Crypto User works too")
      ->capture_default_str();
  command.add_flag(
      "--fix-vault", setup.fix_vault,
      "Change an existing vault that does not fit: RBAC, purge protection (for good), public access, firewall");
  command.add_flag("--grant-myself", setup.grant_myself,
                   "Give yourself Key Vault Crypto Officer on an existing vault, to make the key");
}

void add_log_options(CLI::App& command, SetupCommandOptions& options) {
  auto* workspace = command.add_option("--log-analytics-workspace", options.log_analytics,
                                       "Where the AuditEvent log goes: a resource id, or a name in the resource group");
  auto* storage = command.add_option("--storage-account", options.storage_account,
                                     "The storage account that the AuditEvent log goes to");
  auto* hub = command.add_option("--event-hub", options.event_hub_rule,
                                 "The same, to an event hub: the namespace's authorization rule's id");
  command.add_option("--event-hub-name", options.event_hub, "The hub in that namespace")->needs(hub);
  auto* none = command.add_flag("--without-log", options.setup.without_log, "Set up no log");
  for (auto* option : {workspace, storage, hub, none}) {
    for (auto* other : {workspace, storage, hub, none}) {
      if (option != other) option->excludes(other);
    }
  }
}

}  // namespace

void add_azure_setup_command(CLI::App& group, Chosen& chosen) {
  auto options = std::make_shared<SetupCommandOptions>();
  auto* command =
      add_command(group, "setup", "Do what the guide asks: consent, vault, key, role, log, register, validate, attach",
                  {"latchkey azure setup --vault contoso --key cmek -g security -l eastus \\",
                   "    --log-analytics-workspace siem --dry-run",
                   "latchkey azure setup --vault contoso --key cmek --workspace wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"});
  add_azure_options(*command, options->azure);
  add_vault_options(*command, *options);
  add_log_options(*command, *options);
  auto& setup = options->setup;
  auto* azure_only = command->add_flag("--azure-only", setup.azure_only,
                                       "Leave register, validate and attach to whoever has an Admin key");
  command->add_option("--display-name", setup.display_name, "The registration's name for people (default: VAULT/KEY)");
  command->add_option("--workspace", setup.workspace, "Attach the key to this workspace, for good; asks first")
      ->excludes(azure_only);
  command->add_flag("-y,--yes", options->yes, "Do not ask");
  command->add_flag("--dry-run", options->dry_run, "Print the az and curl commands instead, and change nothing");
  command->add_option("--wait", options->timeout, "Seconds to wait for role assignments to work")
      ->capture_default_str()
      ->check(CLI::Range(0, 86400));
  command->callback([&chosen, options] { chosen.action = [options] { return set_up(*options); }; });
}

}  // namespace latchkey::cli::azure
