#include <iostream>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "cli/azure/app_credential.hpp"
#include "cli/azure/commands.hpp"
#include "cli/azure/environment.hpp"
#include "cli/command.hpp"
#include "clouds/azure/emulator/emulator.hpp"
#include "crypto/random.hpp"
#include "dev/paths.hpp"
#include "server/run_until_signal.hpp"
#include "terminal/standard_streams.hpp"

namespace latchkey::cli::azure {

namespace {

constexpr std::uint16_t kDefaultPort = 8601;
constexpr std::chrono::seconds kStopGrace{5};
constexpr std::string_view kHeading = "Made by `latchkey emulator azure` at each start. Source it in a shell.";

struct EmulatorCommand {
  std::string data_dir;
  std::uint16_t port = kDefaultPort;
  bool bare = false;
  bool enable_control = false;
  std::chrono::seconds::rep role_delay = 0;
  std::chrono::seconds::rep network_delay = 0;
  std::chrono::seconds::rep deletion_delay = 0;
  bool no_throttling = false;
  bool disabled_keys_wrap = false;
  std::string import_from;
  std::string export_to;
  std::string log_level = "warn";
  OutputFormat format = OutputFormat::Text;
  AppIdentity app;
};

Result<void> export_state(const EmulatorCommand& options) {
  LATCHKEY_TRYV(clouds::azure::emulator::export_state(options.data_dir, options.export_to));
  if (options.format == OutputFormat::Json) {
    print_json({{"state", "exported"}, {"file", options.export_to}});
  } else {
    std::cout << "exported to " << options.export_to << ", private keys included\n" << std::flush;
  }
  return success();
}

clouds::azure::emulator::EmulatorOptions emulator_options(const EmulatorCommand& options, const Clock& clock,
                                                          RandomSource& random) {
  clouds::azure::emulator::EmulatorOptions emulator;
  emulator.clock = &clock;
  emulator.random = &random;
  emulator.data_dir = options.data_dir;
  emulator.enable_control = options.enable_control;
  emulator.role_propagation = std::chrono::seconds(options.role_delay);
  emulator.network_propagation = std::chrono::seconds(options.network_delay);
  emulator.deletion_delay = std::chrono::seconds(options.deletion_delay);
  emulator.throttle.enabled = !options.no_throttling;
  emulator.allow_disabled_wrap = options.disabled_keys_wrap;
  emulator.log_calls = options.log_level == "info" || options.log_level == "debug" || options.log_level == "trace";
  emulator.tls_port = options.port;
  if (options.port != 0) {
    emulator.proxy_port = static_cast<std::uint16_t>(options.port + 1);
    emulator.first_vault_port = static_cast<std::uint16_t>(options.port + 2);
  }
  return emulator;
}

void announce(const EmulatorCommand& options, const dev::EnvironmentLines& cloud, const dev::EnvironmentLines& proxy) {
  if (options.format == OutputFormat::Json) {
    boost::json::object environment;
    for (const auto* lines : {&cloud, &proxy}) {
      for (const auto& [name, value] : *lines) environment[name] = value;
    }
    print_json({{"state", "ready"}, {"environment", std::move(environment)}});
    return;
  }
  std::cerr << "An Azure for development and tests, on loopback alone: not for real data.\n"
            << "  the cloud    . " << options.data_dir << "/emulator.env\n"
            << "  the way to it (az, Terraform, SDKs)    . " << azure_env_file(options.data_dir) << '\n';
  std::cout << "ready\n";
}

Result<void> serve(const EmulatorCommand& options) {
  if (!options.import_from.empty()) {
    LATCHKEY_TRYV(clouds::azure::emulator::import_state(options.data_dir, options.import_from));
  }
  SystemClock clock;
  crypto::SystemRandom random;
  // RSA has threads of its own.
  IoThreads threads(1);
  LATCHKEY_TRYV(make_folder(options.data_dir, 0700));
  LATCHKEY_TRY(auto certificate, ensure_app_credential(options.data_dir, options.app, clock, random));
  LATCHKEY_TRY(auto azure, clouds::azure::emulator::Emulator::start(threads.first().get_executor(),
                                                                    emulator_options(options, clock, random)));
  clouds::azure::emulator::SeedOptions seed;
  seed.bare = options.bare;
  seed.platform_app_id = options.app.client_id;
  seed.platform_app_name = options.app.display_name;
  seed.platform_certificate_pem = certificate;
  LATCHKEY_TRY(auto cloud, azure->seed(seed));
  auto environment = cloud_environment(*azure, cloud);
  auto proxy = proxy_environment(*azure);
  LATCHKEY_TRYV(dev::write_env_file(options.data_dir + "/emulator.env", kHeading, environment));
  LATCHKEY_TRYV(dev::write_env_file(azure_env_file(options.data_dir), kHeading, proxy));
  announce(options, environment, proxy);
  LATCHKEY_TRYV(terminal::flush_output());
  server::run_until_signal(threads, {.stop = [&]() -> Task<void> { co_await azure->stop(kStopGrace); }});
  return success();
}

// The options that make the emulator differ from an Azure that does everything at once and as documented.
void add_behavior_options(CLI::App& command, EmulatorCommand& options) {
  command.add_flag("--enable-control", options.enable_control, "Let you make the emulator fail, and move its clock");
  auto add_delay = [&](const char* name, std::chrono::seconds::rep& seconds, const char* what) {
    command.add_option(name, seconds, what)->capture_default_str()->check(CLI::Range(0, 86400));
  };
  add_delay("--role-delay", options.role_delay, "Seconds that a change of role assignments takes to hold");
  add_delay("--network-delay", options.network_delay, "Seconds that a change of a vault's firewall takes");
  add_delay("--deletion-delay", options.deletion_delay, "Seconds in which nobody can see a deleted key");
  command.add_flag("--no-throttling", options.no_throttling,
                   "Let clients ask a vault more often than Azure's limits allow");
  command.add_flag("--disabled-keys-wrap", options.disabled_keys_wrap,
                   "Let disabled keys wrap, encrypt and verify, as a live vault was seen to");
}

void add_options(CLI::App& command, EmulatorCommand& options) {
  command.add_option("--data-dir", options.data_dir, "The folder that keeps the state, the CA and the audit logs")
      ->capture_default_str();
  command.add_option("--port", options.port, "The first port (TLS, then the proxy, then the vaults); 0: any free ones")
      ->capture_default_str()
      ->check(CLI::Range(0, 65000));
  command.add_flag("--bare", options.bare, "Leave the guide's consent, key and role to you");
  add_behavior_options(command, options);
  auto* import = command.add_option("--import", options.import_from, "Start with the state of this file");
  command.add_option("--export", options.export_to, "Write the state to this file, and end")->excludes(import);
  command.add_option("--app-client-id", options.app.client_id, "The client id of a multi-tenant app to have")
      ->capture_default_str();
  command.add_option("--app-display-name", options.app.display_name, "The display name of that app")
      ->capture_default_str();
  command.add_option("--log-level", options.log_level, "trace, debug, info (a line for each call), warn, error or off")
      ->capture_default_str();
  add_output_option(command, options.format);
}

}  // namespace

void add_emulator_commands(CLI::App& app, Chosen& chosen) {
  auto* group = add_group(app, "emulator", "Clouds on this machine, for your own tests");
  auto options = std::make_shared<EmulatorCommand>();
  options->data_dir = dev::default_data_dir("azure");
  auto* command = add_command(*group, "azure", "Run an Azure alone: Entra ID, Key Vault, Resource Manager and Graph",
                              {"latchkey emulator azure", "latchkey emulator azure --port 0 --enable-control -o json",
                               "latchkey emulator azure --export /tmp/azure.json"});
  add_options(*command, *options);
  command->callback([&chosen, options] {
    chosen.action = [options] {
      configure_logging(LogFormat::Text, options->log_level);
      crypto::initialize_secret_memory();
      auto done = options->export_to.empty() ? serve(*options) : export_state(*options);
      return done ? ExitCode::Ok : report_error(done.error(), options->format);
    };
  });
}

}  // namespace latchkey::cli::azure
