#include "dev/run_dev.hpp"

#include <iostream>

#include <fmt/format.h>

#include "base/file.hpp"
#include "crypto/random.hpp"
#include "dev/environment.hpp"
#include "dev/folder_lock.hpp"
#include "dev/paths.hpp"
#include "server/run_until_signal.hpp"
#include "server/server_runtime.hpp"
#include "terminal/standard_streams.hpp"

namespace latchkey::dev {

namespace {

constexpr std::chrono::seconds kLeaseSoft{5};
constexpr std::uint32_t kMoreRequests = 100;
constexpr std::chrono::seconds kStopGrace{5};

// The defaults of `latchkey serve`, with short leases; the cloud's own settings are still to come.
Result<server::ServerConfig> server_config(const DevOptions& options) {
  auto config = server::default_server_config();
  config.port = options.port;
  config.database = options.data_dir + "/latchkey.db";
  config.root_key_file = options.data_dir + "/root.key";
  config.lease_soft = kLeaseSoft;
  config.webhook_private_addresses = true;
  config.metrics_token_file = metrics_token_file(options.data_dir);
  // A person's scripts and tests ask as fast as they can.
  for (auto* rate : {&config.reads_per_key, &config.reads_per_organization, &config.writes_per_key,
                     &config.writes_per_organization}) {
    *rate *= kMoreRequests;
  }
  config.webhook_tests_per_minute *= kMoreRequests;
  LATCHKEY_TRYV(server::apply_overrides(config, options.overrides));
  return config;
}

Result<void> add_settings(server::ServerConfig& config, const DevCloud& cloud, const DevOptions& options) {
  auto settings = cloud.settings();
  std::erase_if(settings, [&](const auto& setting) { return options.overrides.contains(setting.first); });
  return server::apply_overrides(config, settings);
}

void announce(const std::string& data_dir, const std::string& url, const DevCloud& cloud) {
  auto summary = cloud.summary();
  std::cerr << "Latchkey for development, on loopback alone: not for real data.\n"
            << "  server    " << url << '\n'
            << fmt::format("  {:<8}  {}\n", summary.name, summary.text) << "  settings  . " << dev_env_file(data_dir)
            << '\n'
            << "  other tools (" << cloud.tools() << "): . " << cloud.tool_variables_file() << '\n'
            << "  see it work: latchkey tour --data-dir " << data_dir << '\n';
  std::cout << "ready\n";
}

}  // namespace

Result<void> run_dev(const DevOptions& options, const StartDevCloud& start_cloud) {
  LATCHKEY_TRYV(make_folder(options.data_dir, 0700));
  LATCHKEY_TRY(auto lock, FolderLock::take(options.data_dir));
  SystemClock clock;
  crypto::SystemRandom random;
  LATCHKEY_TRYV(ensure_metrics_token(options.data_dir, random));
  LATCHKEY_TRY(auto config, server_config(options));
  IoThreads threads(config.threads);
  LATCHKEY_TRY(auto cloud, start_cloud(threads.first().get_executor(), {.data_dir = options.data_dir,
                                                                        .first_port = options.first_cloud_port,
                                                                        .bare = options.bare,
                                                                        .enable_control = options.enable_control,
                                                                        .clock = &clock,
                                                                        .random = &random}));
  LATCHKEY_TRYV(add_settings(config, *cloud, options));
  LATCHKEY_TRY(auto runtime, server::ServerRuntime::start(config, threads, clock, random));
  LATCHKEY_TRY(auto tenant, ensure_organization(*runtime, options.data_dir));
  auto url = fmt::format("http://127.0.0.1:{}", runtime->port());
  LATCHKEY_TRYV(write_environment(options.data_dir, url, tenant, *cloud));

  announce(options.data_dir, url, *cloud);
  LATCHKEY_TRYV(terminal::flush_output());
  server::run_until_signal(threads, {.stop = [&]() -> Task<void> {
                             co_await runtime->stop();
                             co_await cloud->stop(kStopGrace);
                           }});
  return success();
}

}  // namespace latchkey::dev
