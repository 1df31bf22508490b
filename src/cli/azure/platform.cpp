#include "cli/azure/platform.hpp"

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "cli/json_view.hpp"

namespace latchkey::cli::azure {

using clouds::azure::customer::RegisteredKey;
using clouds::azure::customer::Validation;

namespace {

constexpr std::string_view kKeys = "/v1/organizations/external_keys";
constexpr std::string_view kWorkspaces = "/v1/organizations/workspaces";

RegisteredKey read_key(const boost::json::value& key) {
  return {text_at(key, "id"), text_at(key, "provider_config.vault_uri"), text_at(key, "provider_config.key_name"),
          text_at(key, "provider_config.tenant_id"), text_at(key, "attachment.type") == "attached"};
}

boost::json::object provider_config(const RegisteredKey& key) {
  return {{"type", "azure"}, {"vault_uri", key.vault_uri}, {"key_name", key.key_name}, {"tenant_id", key.tenant_id}};
}

std::string path_of(std::string_view collection, const std::string& id) {
  return fmt::format("{}/{}", collection, percent_encode(id));
}

}  // namespace

Result<std::vector<RegisteredKey>> ApiPlatform::keys() {
  LATCHKEY_TRY(auto all, collect_pages(*client_, kKeys, PageStyle::NextPage, 0));
  std::vector<RegisteredKey> keys;
  for (const auto& key : all) {
    if (text_at(key, "provider_config.type") == "azure") keys.push_back(read_key(key));
  }
  return keys;
}

Result<RegisteredKey> ApiPlatform::add_key(const std::string& display_name, const RegisteredKey& key) {
  boost::json::object body{{"geo", "us"}, {"display_name", display_name}, {"provider_config", provider_config(key)}};
  LATCHKEY_TRY(auto made, client_->call("POST", kKeys, body));
  return read_key(made);
}

Result<RegisteredKey> ApiPlatform::change_key(const RegisteredKey& key) {
  boost::json::object body{{"provider_config", provider_config(key)}};
  LATCHKEY_TRY(auto changed, client_->call("POST", path_of(kKeys, key.id), body));
  return read_key(changed);
}

Result<Validation> ApiPlatform::validate(const std::string& id) {
  LATCHKEY_TRY(auto outcome, client_->call("POST", path_of(kKeys, id) + "/validate", boost::json::object{}));
  return Validation{text_at(outcome, "status") == "success", text_at(outcome, "error")};
}

Result<std::string> ApiPlatform::key_of_workspace(const std::string& workspace) {
  LATCHKEY_TRY(auto found, client_->call("GET", path_of(kWorkspaces, workspace)));
  return text_at(found, "external_key_id");
}

Result<void> ApiPlatform::attach(const std::string& workspace, const std::string& id) {
  LATCHKEY_TRYV(client_->call("POST", path_of(kWorkspaces, workspace), boost::json::object{{"external_key_id", id}}));
  return success();
}

}  // namespace latchkey::cli::azure
