#include "cli/azure/dev_cloud.hpp"

#include <fmt/format.h>

#include "cli/azure/app_credential.hpp"
#include "cli/azure/environment.hpp"
#include "clouds/azure/emulator/emulator.hpp"

namespace latchkey::cli::azure {

namespace {

namespace emulator = clouds::azure::emulator;

class AzureDevCloud final : public dev::DevCloud {
 public:
  AzureDevCloud(std::unique_ptr<emulator::Emulator> emulator, emulator::SeedResult seeded, std::string client_id,
                std::string data_dir)
      : emulator_(std::move(emulator)),
        seeded_(std::move(seeded)),
        client_id_(std::move(client_id)),
        data_dir_(std::move(data_dir)) {}

  [[nodiscard]] server::ConfigOverrides settings() const override {
    return {{"azure.client_id", client_id_},
            {"azure.certificate_file", app_certificate_file(data_dir_)},
            {"azure.private_key_file", app_private_key_file(data_dir_)},
            {"outbound.proxy", proxy()},
            {"outbound.ca_file", emulator_->ca_file()}};
  }
  [[nodiscard]] dev::EnvironmentLines variables() const override { return cloud_environment(*emulator_, seeded_); }
  [[nodiscard]] dev::EnvironmentLines tool_variables() const override { return proxy_environment(*emulator_); }
  [[nodiscard]] std::string tool_variables_file() const override { return azure_env_file(data_dir_); }
  [[nodiscard]] std::string tools() const override { return "az, Terraform, SDKs"; }
  [[nodiscard]] dev::NamedText summary() const override {
    return {"Azure", "public names through the proxy " + proxy()};
  }
  [[nodiscard]] Task<void> stop(std::chrono::seconds grace) override { return emulator_->stop(grace); }

 private:
  [[nodiscard]] std::string proxy() const { return fmt::format("http://127.0.0.1:{}", emulator_->proxy_port()); }

  std::unique_ptr<emulator::Emulator> emulator_;
  emulator::SeedResult seeded_;
  std::string client_id_;
  std::string data_dir_;
};

emulator::EmulatorOptions emulator_options(const dev::DevCloudSettings& settings) {
  emulator::EmulatorOptions options;
  options.clock = settings.clock;
  options.random = settings.random;
  options.data_dir = settings.data_dir + "/azure";
  options.enable_control = settings.enable_control;
  // TLS has the first port, the proxy the next, and the vaults those from there on.
  options.tls_port = settings.first_port;
  if (settings.first_port != 0) {
    options.proxy_port = static_cast<std::uint16_t>(settings.first_port + 1);
    options.first_vault_port = static_cast<std::uint16_t>(settings.first_port + 2);
  }
  return options;
}

class EmulatedAzure final : public EmulatedCloud {
 public:
  void add_options(CLI::App& command) override {
    command.add_option("--app-client-id", app_.client_id, "The client id of the platform's app")->capture_default_str();
    command.add_option("--app-display-name", app_.display_name, "The display name of that app")->capture_default_str();
  }

  [[nodiscard]] Result<std::unique_ptr<dev::DevCloud>> start(boost::asio::any_io_executor executor,
                                                             const dev::DevCloudSettings& settings) override {
    LATCHKEY_TRY(auto certificate, ensure_app_credential(settings.data_dir, app_, *settings.clock, *settings.random));
    LATCHKEY_TRY(auto running, emulator::Emulator::start(std::move(executor), emulator_options(settings)));
    emulator::SeedOptions seed;
    seed.bare = settings.bare;
    seed.platform_app_id = app_.client_id;
    seed.platform_app_name = app_.display_name;
    seed.platform_certificate_pem = certificate;
    LATCHKEY_TRY(auto seeded, running->seed(seed));
    return std::unique_ptr<dev::DevCloud>(
        std::make_unique<AzureDevCloud>(std::move(running), std::move(seeded), app_.client_id, settings.data_dir));
  }

 private:
  AppIdentity app_;
};

}  // namespace

std::unique_ptr<EmulatedCloud> make_emulated_cloud() {
  return std::make_unique<EmulatedAzure>();
}

}  // namespace latchkey::cli::azure
