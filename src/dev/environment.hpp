// What `latchkey dev` makes at its first start and finds again at the next: an organisation with API keys and a
// workspace, a token for scraping metrics, and the files that tell other programs of them.
#pragma once

#include <string>

#include "base/random.hpp"
#include "dev/dev_cloud.hpp"
#include "server/server_runtime.hpp"

namespace latchkey::dev {

[[nodiscard]] std::string metrics_token_file(const std::string& data_dir);

// Makes the token that a scraper sends for /metrics, where it does not exist.
[[nodiscard]] Result<void> ensure_metrics_token(const std::string& data_dir, RandomSource& random);

struct DevTenant {
  std::string organization_id;
  std::string admin_key;
  std::string service_key;
  std::string workspace_id;
  std::string workspace_key;
};

// Returns the organisation with its API keys and its workspace. The store has the keys hashed, so this function reads
// them from dev.env; where that file is gone, or its keys no longer work, it makes new ones.
[[nodiscard]] Result<DevTenant> ensure_organization(server::ServerRuntime& runtime, const std::string& data_dir);

// Writes what other programs need to know: dev.env, and the cloud's file for its own tools.
[[nodiscard]] Result<void> write_environment(const std::string& data_dir, const std::string& url,
                                             const DevTenant& tenant, const DevCloud& cloud);

}  // namespace latchkey::dev
