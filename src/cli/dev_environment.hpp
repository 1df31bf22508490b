// What `latchkey dev` makes at its first start and finds again at the next: the platform app's credential, an
// organisation with keys and a workspace, and the two files that tell other programs of them.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "clouds/azure/emulator/emulator.hpp"
#include "server/server_runtime.hpp"

namespace latchkey::cli {

// The public guide's, so that its commands work here as they are printed (docs/decisions/0002).
struct AppIdentity {
  std::string client_id = "8635ae1a-3e5d-44e8-a4ed-e0f614466f87";
  std::string display_name = "anthropic-cmek-client-us";
};

[[nodiscard]] std::string app_certificate_file(const std::string& data_dir);
[[nodiscard]] std::string app_private_key_file(const std::string& data_dir);

// The platform app's certificate, made with its key where it is not there. PEM.
[[nodiscard]] Result<std::string> ensure_app_credential(const std::string& data_dir, const AppIdentity& app,
                                                        const Clock& clock, RandomSource& random);

[[nodiscard]] std::string metrics_token_file(const std::string& data_dir);

// Made where it is not there: what a scraper sends for /metrics.
[[nodiscard]] Result<void> ensure_metrics_token(const std::string& data_dir, RandomSource& random);

struct DevTenant {
  std::string organization_id;
  std::string admin_key;
  std::string service_key;
  std::string workspace_id;
  std::string workspace_key;
};

// The organisation with its keys and workspace. Keys are stored hashed, so they are found again in dev.env; where that
// is gone, or its keys no longer work, new ones are made.
[[nodiscard]] Result<DevTenant> ensure_organization(server::ServerRuntime& runtime, const std::string& data_dir);

// dev.env and azure.env.
[[nodiscard]] Result<void> write_environment(const std::string& data_dir, const std::string& url,
                                             const DevTenant& tenant, const clouds::azure::emulator::Emulator& azure,
                                             const clouds::azure::emulator::SeedResult& cloud);

}  // namespace latchkey::cli
