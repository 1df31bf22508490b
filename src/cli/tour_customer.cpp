#include "cli/tour_customer.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/id.hpp"

namespace latchkey::cli {

namespace azure = clouds::azure::customer;

TourCustomer::TourCustomer(std::unique_ptr<azure::SignIn> sign_in, azure::Graph graph, azure::ResourceManager resources,
                           azure::VaultKeys keys, std::string vault_id, RandomSource& random,
                           dev::Transcript& transcript)
    : sign_in_(std::move(sign_in)),
      graph_(std::move(graph)),
      resources_(std::move(resources)),
      keys_(std::move(keys)),
      vault_id_(std::move(vault_id)),
      random_(random),
      transcript_(transcript) {}

Result<std::unique_ptr<TourCustomer>> TourCustomer::create(const azure::Variables& variables, AzureTransport& transport,
                                                           const Clock& clock, RandomSource& random,
                                                           dev::Transcript& transcript) {
  LATCHKEY_TRY(auto cloud, azure::cloud_of_authority(variables("AZURE_AUTHORITY_HOST")));
  azure::SignInTools sign_in_tools{transport.retrying, clock, random};
  LATCHKEY_TRY(auto sign_in, azure::make_sign_in(variables, cloud, std::move(sign_in_tools)));
  azure::Rest::Tools tools{*sign_in, transport.retrying, clock, random};
  auto tell = [&transcript](const azure::Call& call) {
    transcript.call(call.method, call.url, call.body ? boost::json::serialize(*call.body) : "");
  };
  auto tenant = sign_in->tenant();
  LATCHKEY_TRY(auto keys, azure::VaultKeys::create(tools, cloud, tenant, variables("AZURE_VAULT_URI"), tell));
  auto vault_id =
      fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.KeyVault/vaults/{}",
                  variables("AZURE_SUBSCRIPTION_ID"), variables("AZURE_RESOURCE_GROUP"), variables("AZURE_VAULT_NAME"));
  return std::unique_ptr<TourCustomer>(new TourCustomer(std::move(sign_in), azure::Graph(tools, cloud, tenant, tell),
                                                        azure::ResourceManager(tools, cloud, tell), std::move(keys),
                                                        std::move(vault_id), random, transcript));
}

Result<std::string> TourCustomer::consent(const std::string& app_id) {
  auto made = graph_.consent(app_id);
  if (!made && made.error().code == ErrorCode::Conflict) {
    transcript_.refusal(graph_.last_status(), "already there; looking its object id up");
    LATCHKEY_TRY(auto found, graph_.find(app_id));
    if (found) made = std::move(*found);
  }
  if (!made) return made.error();
  const auto& principal = made.value();
  transcript_.answer(graph_.last_status(),
                     fmt::format("service principal {} ({})", principal.object_id, principal.display_name));
  return principal.object_id;
}

Result<void> TourCustomer::create_key(const std::string& name) {
  constexpr unsigned kBits = 3072;
  LATCHKEY_TRY(auto key, keys_.make(name, "RSA", kBits));
  transcript_.answer(keys_.last_status(), fmt::format("{} {}", key.type, key.id));
  return success();
}

Result<void> TourCustomer::grant(const std::string& role, const std::string& principal_id,
                                 const std::string& key_name) {
  auto scope = fmt::format("{}/keys/{}", vault_id_, key_name);
  LATCHKEY_TRY(auto definition, resources_.role_named(scope, role));
  transcript_.answer(resources_.last_status(), dev::one_line(definition.id, 200));
  auto granted =
      resources_.assign(scope, format_uuid(make_uuid(random_)), definition.id, principal_id, "ServicePrincipal");
  if (!granted && granted.error().code == ErrorCode::Conflict) {
    transcript_.refusal(resources_.last_status(), "already granted");
    return success();
  }
  if (!granted) return granted.error();
  transcript_.answer(resources_.last_status(), fmt::format("{} on {} and nothing else", role, scope));
  return success();
}

Result<azure::Vault> TourCustomer::show_vault() {
  LATCHKEY_TRY(auto vault, resources_.vault(vault_id_));
  transcript_.answer(resources_.last_status(), vault.id);
  return vault;
}

Result<void> TourCustomer::set_key_enabled(const std::string& key_name, bool enabled) {
  LATCHKEY_TRY(auto key, keys_.set_enabled(key_name, enabled));
  transcript_.answer(keys_.last_status(), fmt::format("enabled: {}", key.enabled));
  return success();
}

}  // namespace latchkey::cli
