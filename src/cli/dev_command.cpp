#include <iostream>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "cli/command.hpp"
#include "cli/dev_environment.hpp"
#include "clouds/azure/emulator/emulator.hpp"
#include "crypto/random.hpp"
#include "dev/folder_lock.hpp"
#include "dev/paths.hpp"
#include "server/run_until_signal.hpp"
#include "server/server_runtime.hpp"
#include "terminal/standard_streams.hpp"

namespace latchkey::cli {

namespace {

constexpr unsigned kThreads = 2;
constexpr std::uint16_t kDefaultPort = 8600;
constexpr std::uint16_t kDefaultEmulatorPort = 8601;
constexpr std::chrono::seconds kLeaseSoft{5};
constexpr std::uint32_t kMoreRequests = 100;
constexpr std::chrono::seconds kStopGrace{5};

struct DevOptions {
  std::string data_dir;
  std::uint16_t port = kDefaultPort;
  std::uint16_t emulator_port = kDefaultEmulatorPort;
  bool bare = false;
  bool enable_control = false;
  std::string log_level = "warn";
  AppIdentity app;
  std::vector<std::string> settings;  // "section.name=value"
  server::ConfigOverrides overrides;  // the same, read
};

// The server's settings: the public cloud's defaults, and the emulator as its outbound proxy and authority.
Result<server::ServerConfig> server_config(const DevOptions& options, const clouds::azure::emulator::Emulator& azure) {
  auto config = server::default_server_config();
  config.port = options.port;
  config.threads = kThreads;
  config.database = options.data_dir + "/latchkey.db";
  config.root_key_file = options.data_dir + "/root.key";
  config.proxy = fmt::format("http://127.0.0.1:{}", azure.proxy_port());
  config.ca_file = azure.ca_file();
  config.lease_soft = kLeaseSoft;
  config.webhook_private_addresses = true;
  config.metrics_token_file = metrics_token_file(options.data_dir);
  // For scripts and tests of one's own, which ask as fast as they can.
  for (auto* rate : {&config.reads_per_key, &config.reads_per_organization, &config.writes_per_key,
                     &config.writes_per_organization}) {
    *rate *= kMoreRequests;
  }
  config.webhook_tests_per_minute *= kMoreRequests;
  auto overrides = options.overrides;
  overrides.emplace("azure.client_id", options.app.client_id);
  overrides.emplace("azure.certificate_file", app_certificate_file(options.data_dir));
  overrides.emplace("azure.private_key_file", app_private_key_file(options.data_dir));
  LATCHKEY_TRYV(server::apply_overrides(config, overrides));
  return config;
}

clouds::azure::emulator::EmulatorOptions emulator_options(const DevOptions& options, const Clock& clock,
                                                          RandomSource& random) {
  clouds::azure::emulator::EmulatorOptions emulator;
  emulator.clock = &clock;
  emulator.random = &random;
  emulator.data_dir = options.data_dir + "/azure";
  emulator.enable_control = options.enable_control;
  // 8601 for TLS, 8602 for the proxy, vaults from 8603 on; 0 leaves all of them to the system.
  emulator.tls_port = options.emulator_port;
  if (options.emulator_port != 0) {
    emulator.proxy_port = static_cast<std::uint16_t>(options.emulator_port + 1);
    emulator.first_vault_port = static_cast<std::uint16_t>(options.emulator_port + 2);
  }
  return emulator;
}

Result<void> serve(const DevOptions& options) {
  LATCHKEY_TRYV(make_folder(options.data_dir, 0700));
  LATCHKEY_TRY(auto lock, dev::FolderLock::take(options.data_dir));
  SystemClock clock;
  crypto::SystemRandom random;
  boost::asio::io_context context;

  LATCHKEY_TRYV(ensure_metrics_token(options.data_dir, random));
  LATCHKEY_TRY(auto certificate, ensure_app_credential(options.data_dir, options.app, clock, random));
  LATCHKEY_TRY(auto azure, clouds::azure::emulator::Emulator::start(context.get_executor(),
                                                                    emulator_options(options, clock, random)));
  clouds::azure::emulator::SeedOptions seed;
  seed.bare = options.bare;
  seed.platform_app_id = options.app.client_id;
  seed.platform_app_name = options.app.display_name;
  seed.platform_certificate_pem = certificate;
  LATCHKEY_TRY(auto cloud, azure->seed(seed));

  LATCHKEY_TRY(auto config, server_config(options, *azure));
  LATCHKEY_TRY(auto runtime,
               server::ServerRuntime::start(config, context.get_executor(), clock, random));
  LATCHKEY_TRY(auto tenant, ensure_organization(*runtime, options.data_dir));
  auto url = fmt::format("http://127.0.0.1:{}", runtime->port());
  LATCHKEY_TRYV(write_environment(options.data_dir, url, tenant, *azure, cloud));

  std::cerr << "Latchkey for development, on loopback alone: not for real data.\n"
            << "  server    " << url << '\n'
            << "  Azure     public names through the proxy http://127.0.0.1:" << azure->proxy_port() << '\n'
            << "  settings  . " << dev::dev_env_file(options.data_dir) << '\n'
            << "  other tools (az, Terraform, SDKs): . " << dev::azure_env_file(options.data_dir) << '\n'
            << "  see it work: latchkey tour --data-dir " << options.data_dir << '\n';
  std::cout << "ready\n";
  LATCHKEY_TRYV(terminal::flush_output());
  server::run_until_signal(context, kThreads, [&]() -> Task<void> {
    co_await runtime->stop();
    co_await azure->stop(kStopGrace);
  });
  return success();
}

}  // namespace

void add_dev_command(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<DevOptions>();
  options->data_dir = dev::default_dev_dir();
  auto* command = add_command(app, "dev", "Run a whole Latchkey with an Azure of its own, on this machine",
                              {"latchkey dev", "latchkey dev --data-dir /tmp/lk --port 0 --emulator-port 0 --bare"});
  command->add_option("--data-dir", options->data_dir, "Where everything is kept")->capture_default_str();
  command->add_option("--port", options->port, "The server's port; 0: any free one")->capture_default_str();
  command
      ->add_option("--emulator-port", options->emulator_port,
                   "The emulator's first port (TLS, then the proxy, then the vaults); 0: any free ones")
      ->capture_default_str()
      ->check(CLI::Range(0, 65000));
  command->add_flag("--bare", options->bare, "Leave the guide's steps 1 to 7 to you (default: 1 to 4 are done)");
  command->add_flag("--enable-control", options->enable_control,
                    "Let the emulator be made to fail, and its clock be moved (docs/emulator.md)");
  command->add_option("--app-client-id", options->app.client_id, "The client id of the platform's app")
      ->capture_default_str();
  command->add_option("--app-display-name", options->app.display_name, "Its display name")->capture_default_str();
  command->add_option("--set", options->settings,
                      "SECTION.NAME=VALUE, a setting of `latchkey serve`, as often as needed");
  command->add_option("--log-level", options->log_level, "trace, debug, info, warn, error or off")
      ->capture_default_str();
  command->callback([&chosen, options] {
    auto overrides = read_pairs("--set", options->settings);
    if (!overrides) throw CLI::ValidationError(overrides.error().message());
    options->overrides = std::move(overrides).value();
    chosen.action = [options] {
      configure_logging(LogFormat::Text, options->log_level);
      crypto::initialize_secret_memory();
      auto served = serve(*options);
      return served ? ExitCode::Ok : report_error(served.error(), OutputFormat::Text);
    };
  });
}

}  // namespace latchkey::cli
