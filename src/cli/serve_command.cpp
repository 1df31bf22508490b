#include <csignal>
#include <cstdlib>
#include <iostream>

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "cli/command.hpp"
#include "cli/serve_options.hpp"
#include "crypto/aead.hpp"
#include "crypto/random.hpp"
#include "server/run_until_signal.hpp"
#include "server/server_runtime.hpp"
#include "server/start_pages.hpp"
#include "terminal/standard_streams.hpp"

namespace latchkey::cli {

namespace {

struct ServeCommand {
  ServeOptions options;
  std::string address;
  std::string port;
  bool print_config = false;
};

Result<void> serve(const server::ServerConfig& config) {
  SystemClock clock;
  crypto::SystemRandom random;
  IoThreads threads(config.threads);
  LATCHKEY_TRY(auto runtime, server::ServerRuntime::start(config, threads, clock, random));
  bool is_ipv6 = config.address.find(':') != std::string::npos;
  SPDLOG_INFO("latchkey {} serves {}://{}:{}, database {}, AES-GCM by {}", LATCHKEY_VERSION,
              config.tls_certificate_file.empty() ? "http" : "https",
              is_ipv6 ? fmt::format("[{}]", config.address) : config.address, runtime->port(), config.database,
              crypto::aead_name());
  Result<void> announced = success();
  server::run_until_signal(threads, {.stop = [&]() -> Task<void> { co_await runtime->stop(); },
                                     .reload = [&] { runtime->reload(config); },
                                     .ready =
                                         [&] {
                                           std::cout << "ready\n";
                                           announced = terminal::flush_output();
                                           if (!announced) threads.stop();
                                           server::release_start_pages();
                                         }});
  return announced;
}

ExitCode run(const ServeCommand& command) {
  if (command.print_config) {
    std::cout << server::annotated_server_config();
    return ExitCode::Ok;
  }
  auto options = command.options;
  if (!command.address.empty()) options.settings.push_back("server.address=" + command.address);
  if (!command.port.empty()) options.settings.push_back("server.port=" + command.port);
  auto config = load_config(options);
  if (!config) {
    static_cast<void>(report_error(config.error(), OutputFormat::Text));
    return ExitCode::Usage;
  }
  configure_logging(config.value().log_json ? LogFormat::Json : LogFormat::Text, config.value().log_level);
  crypto::initialize_secret_memory([] {
    SPDLOG_WARN(
        "the system locks no more memory for keys, so it may write some of them to swap. Raise the limit "
        "(LimitMEMLOCK=infinity "
        "in the systemd unit, or ulimit -l), or hold fewer leases; latchkey_secret_memory_unlocked_bytes tells how "
        "much");
  });
  auto served = serve(config.value());
  return served ? ExitCode::Ok : report_error(served.error(), OutputFormat::Text);
}

}  // namespace

void add_config_options(CLI::App& command, ServeOptions& options) {
  command
      .add_option("--config", options.config_file, "The settings, TOML (`latchkey serve --print-config` explains them)")
      ->envname("LATCHKEY_CONFIG");
  command.add_option("--database", options.database, "The SQLite file, instead of store.database");
  command.add_option("--root-key", options.root_key, "The root key file of that database, instead of root_key.file");
  command.add_option("--set", options.settings,
                     "SECTION.NAME=VALUE, may be given several times; wins over the file and the environment");
}

Result<server::ServerConfig> load_config(const ServeOptions& options) {
  LATCHKEY_TRY(server::ConfigOverrides overrides, read_pairs("--set", options.settings));
  if (!options.database.empty()) overrides["store.database"] = options.database;
  if (!options.root_key.empty()) overrides["root_key.file"] = options.root_key;
  auto environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return server::load_server_config(options.config_file, environment, overrides);
}

void add_serve_command(CLI::App& app, Chosen& chosen) {
  auto command = std::make_shared<ServeCommand>();
  auto* serve_command = add_command(
      app, "serve", "Run the server",
      {"latchkey serve --config /etc/latchkey/latchkey.toml", "latchkey serve --print-config > latchkey.toml"});
  add_config_options(*serve_command, command->options);
  serve_command->add_option("--address", command->address, "The address to listen on, instead of server.address");
  serve_command->add_option("--port", command->port, "The port, instead of server.port; 0: any free one");
  serve_command->add_flag("--print-config", command->print_config, "Print all settings, explained, and end");
  serve_command->callback([&chosen, command] { chosen.action = [command] { return run(*command); }; });
}

}  // namespace latchkey::cli
