#include "dev/environment.hpp"

#include <array>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/task.hpp"
#include "dev/env_file.hpp"
#include "dev/paths.hpp"

namespace latchkey::dev {

namespace {

constexpr std::size_t kMaxTokenFile = std::size_t{64} * 1024;
constexpr std::string_view kHeading = "Made by `latchkey dev` at each start, for development. Source it in a shell.";

Result<audit::Caller> authenticate(server::ServerRuntime& runtime, const std::string& key) {
  return run_blocking(runtime.credentials().authenticate(key, "127.0.0.1", "latchkey dev"));
}

bool works(server::ServerRuntime& runtime, const std::string& key, const Uuid& organization, store::Role role) {
  if (key.empty()) return false;
  auto caller = authenticate(runtime, key);
  return caller && caller.value().organization == organization && caller.value().role == role;
}

Result<std::string> ensure_key(server::ServerRuntime& runtime, const std::string& known, const Uuid& organization,
                               store::Role role, std::optional<std::string> workspace_id) {
  if (works(runtime, known, organization, role)) return known;
  LATCHKEY_TRY(auto made, run_blocking(runtime.credentials().create_api_key(organization, role, "latchkey dev",
                                                                            std::move(workspace_id))));
  return made.secret;
}

Result<std::string> ensure_workspace(server::ServerRuntime& runtime, const std::string& known,
                                     const audit::Caller& caller) {
  if (!known.empty()) {
    auto found = run_blocking(runtime.workspaces().get(caller, known));
    if (found && !found.value().archived_at) return known;
  }
  admin::NewWorkspace workspace;
  workspace.name = "Development";
  LATCHKEY_TRY(auto made, run_blocking(runtime.workspaces().create(caller, workspace)));
  return made.id;
}

}  // namespace

std::string metrics_token_file(const std::string& data_dir) {
  return data_dir + "/metrics.token";
}

Result<void> ensure_metrics_token(const std::string& data_dir, RandomSource& random) {
  auto path = metrics_token_file(data_dir);
  auto known = read_file(path, kMaxTokenFile);
  if (known) return success();
  if (known.error().code != ErrorCode::NotFound) return known.error();
  std::array<std::uint8_t, 32> bytes{};
  random.fill(bytes);
  return write_file_durably(path, base64url_encode(bytes) + "\n", 0600);
}

Result<DevTenant> ensure_organization(server::ServerRuntime& runtime, const std::string& data_dir) {
  LATCHKEY_TRY(auto known, read_env_file(dev_env_file(data_dir)));
  LATCHKEY_TRY(auto organizations, run_blocking(runtime.credentials().list_organizations()));
  DevTenant tenant;
  Uuid organization{};
  if (organizations.empty()) {
    LATCHKEY_TRY(auto made, run_blocking(runtime.credentials().create_organization("Development", std::nullopt)));
    organization = made.organization.id;
    tenant.admin_key = made.admin_key.secret;
  } else {
    organization = organizations.front().id;
    LATCHKEY_TRY(tenant.admin_key,
                 ensure_key(runtime, known["LATCHKEY_ADMIN_KEY"], organization, store::Role::Admin, {}));
  }
  tenant.organization_id = format_uuid(organization);
  LATCHKEY_TRY(auto admin, authenticate(runtime, tenant.admin_key));
  LATCHKEY_TRY(tenant.workspace_id, ensure_workspace(runtime, known["LATCHKEY_WORKSPACE_ID"], admin));
  LATCHKEY_TRY(tenant.service_key,
               ensure_key(runtime, known["LATCHKEY_SERVICE_KEY"], organization, store::Role::Service, {}));
  auto workspace_key = tenant.workspace_id == known["LATCHKEY_WORKSPACE_ID"] ? known["LATCHKEY_WORKSPACE_KEY"] : "";
  LATCHKEY_TRY(tenant.workspace_key,
               ensure_key(runtime, workspace_key, organization, store::Role::Workspace, tenant.workspace_id));
  return tenant;
}

Result<void> write_environment(const std::string& data_dir, const std::string& url, const DevTenant& tenant,
                               const DevCloud& cloud) {
  EnvironmentLines lines{
      {"LATCHKEY_URL", url},
      {"LATCHKEY_ADMIN_KEY", tenant.admin_key},
      {"LATCHKEY_ORGANIZATION_ID", tenant.organization_id},
      {"LATCHKEY_WORKSPACE_ID", tenant.workspace_id},
      {"LATCHKEY_WORKSPACE_KEY", tenant.workspace_key},
      {"LATCHKEY_SERVICE_KEY", tenant.service_key},
      {"LATCHKEY_METRICS_TOKEN_FILE", metrics_token_file(data_dir)},
  };
  for (auto& line : cloud.variables()) lines.push_back(std::move(line));
  LATCHKEY_TRYV(write_env_file(dev_env_file(data_dir), kHeading, lines));
  return write_env_file(cloud.tool_variables_file(), kHeading, cloud.tool_variables());
}

}  // namespace latchkey::dev
