#include "base/log.hpp"
#include "cli/command.hpp"
#include "cli/emulated_cloud.hpp"
#include "crypto/secret.hpp"
#include "dev/paths.hpp"
#include "dev/run_dev.hpp"

namespace latchkey::cli {

namespace {

struct DevCommand {
  dev::DevOptions dev;
  std::string log_level = "warn";
  std::vector<std::string> settings;  // "section.name=value"
};

ExitCode run(const DevCommand& command, const std::shared_ptr<EmulatedCloud>& cloud) {
  configure_logging(LogFormat::Text, command.log_level);
  crypto::initialize_secret_memory();
  auto start_cloud = [&](boost::asio::any_io_executor executor, const dev::DevCloudSettings& settings) {
    return cloud->start(std::move(executor), settings);
  };
  auto served = dev::run_dev(command.dev, start_cloud);
  return served ? ExitCode::Ok : report_error(served.error(), OutputFormat::Text);
}

}  // namespace

void add_dev_command(CLI::App& app, Chosen& chosen, std::shared_ptr<EmulatedCloud> cloud) {
  auto options = std::make_shared<DevCommand>();
  auto& dev = options->dev;
  dev.data_dir = dev::default_dev_dir();
  auto* command = add_command(app, "dev", "Run a whole Latchkey with a customer's cloud of its own, on this machine",
                              {"latchkey dev", "latchkey dev --data-dir /tmp/lk --port 0 --emulator-port 0 --bare"});
  command->add_option("--data-dir", dev.data_dir, "The folder that keeps everything")->capture_default_str();
  command->add_option("--port", dev.port, "The server's port; 0: any free one")->capture_default_str();
  command
      ->add_option("--emulator-port", dev.first_cloud_port,
                   "The cloud takes this port and those above it; 0: any free ones")
      ->capture_default_str()
      ->check(CLI::Range(0, 65000));
  command->add_flag("--bare", dev.bare, "Leave the guide's steps 1 to 7 to you (default: 1 to 4 are done)");
  command->add_flag("--enable-control", dev.enable_control,
                    "Let you make the cloud fail, and move its clock (docs/emulator.md)");
  cloud->add_options(*command);
  command->add_option("--set", options->settings,
                      "SECTION.NAME=VALUE, a setting of `latchkey serve`; may be given several times");
  command->add_option("--log-level", options->log_level, "trace, debug, info, warn, error or off")
      ->capture_default_str();
  command->callback([&chosen, options, cloud] {
    auto overrides = read_pairs("--set", options->settings);
    if (!overrides) throw CLI::ValidationError(overrides.error().message());
    options->dev.overrides = std::move(overrides).value();
    chosen.action = [options, cloud] { return run(*options, cloud); };
  });
}

}  // namespace latchkey::cli
