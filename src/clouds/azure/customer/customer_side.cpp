#include "clouds/azure/customer/customer_side.hpp"

#include <algorithm>
#include <map>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "clouds/azure/customer/reasons.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "crypto/jwt.hpp"

namespace latchkey::clouds::azure::customer {

using boost::algorithm::iequals;

namespace {

// In how many other vaults to look for a key that its own vault does not have.
constexpr std::size_t kMostVaultsAsked = 20;

Result<Subscription> choose_subscription(std::vector<Subscription> all, const std::string& wanted) {
  if (wanted.empty() && all.size() == 1) return std::move(all.front());
  for (auto& subscription : all) {
    if (!wanted.empty() && (iequals(subscription.id, wanted) || subscription.name == wanted))
      return std::move(subscription);
  }
  if (wanted.empty() && !all.empty()) {
    return Error{ErrorCode::Invalid, fmt::format("there are {} subscriptions: name the vault's with --subscription or "
                                                 "AZURE_SUBSCRIPTION_ID, or choose it with `az account set`",
                                                 all.size())};
  }
  return Error{ErrorCode::NotFound,
               wanted.empty()
                   ? "the account that is signed in sees no subscription. Sign in to the tenant of the vault's "
                     "subscription, with an account that has a role there"
                   : fmt::format("the account that is signed in sees no subscription {}. Check --subscription, "
                                 "AZURE_SUBSCRIPTION_ID and the tenant that you signed in to",
                                 clouds::azure::shown_text(wanted, 64))};
}

// "anthropic" of "anthropic-cmek-client-us": a look-alike would begin with it, too.
std::string first_word(const std::string& name) {
  return name.substr(0, name.find_first_of("-_. "));
}

}  // namespace

std::string Target::vault_uri() const {
  return fmt::format("https://{}{}/", boost::algorithm::to_lower_copy(vault_name), cloud.vault_suffix);
}

Error not_looked_up() {
  return Error{ErrorCode::Unavailable, "not looked up"};
}

CustomerSide::CustomerSide(Rest::Tools tools, Target target, AzureScope where, ResourceManager resources,
                           Subscription subscription)
    : tools_(std::move(tools)),
      target_(std::move(target)),
      where_(std::move(where)),
      resources_(std::move(resources)),
      subscription_(std::move(subscription)) {}

Result<CustomerSide> CustomerSide::create(Rest::Tools tools, Target target, AzureScope where) {
  ResourceManager resources(tools, target.cloud);
  LATCHKEY_TRY(auto all, resources.subscriptions());
  auto wanted = where.subscription.empty() ? tools.sign_in.subscription() : where.subscription;
  LATCHKEY_TRY(auto subscription, choose_subscription(std::move(all), wanted));
  return CustomerSide(std::move(tools), std::move(target), std::move(where), std::move(resources),
                      std::move(subscription));
}

Graph CustomerSide::graph(const std::string& tenant) const {
  return Graph(tools_, target_.cloud, tenant);
}

Result<VaultKeys> CustomerSide::keys(const Vault& vault) const {
  return VaultKeys::create(tools_, target_.cloud, vault.tenant_id, vault.uri);
}

Result<std::pair<std::string, std::string>> CustomerSide::signed_in() const {
  LATCHKEY_TRY(auto token, tools_.sign_in.token("", target_.cloud.arm + "/"));
  LATCHKEY_TRY(auto jwt, crypto::jwt_parse(as_text(token->reveal())));
  auto object_id = crypto::jwt_text(jwt, "oid");
  if (object_id.empty()) return Error{ErrorCode::Unavailable, "the access token does not say whose it is"};
  return std::pair(object_id, std::string(crypto::jwt_text(jwt, "idtyp") == "app" ? "ServicePrincipal" : "User"));
}

Result<Vault> CustomerSide::find_vault() {
  LATCHKEY_TRY(auto all, resources_.vaults(subscription_.id));
  auto group = "/resourcegroups/" + boost::algorithm::to_lower_copy(where_.resource_group) + "/";
  for (const auto& vault : all) {
    if (!iequals(vault.name, target_.vault_name)) continue;
    if (!where_.resource_group.empty() && !boost::algorithm::icontains(vault.id, group)) {
      return Error{ErrorCode::NotFound,
                   fmt::format("the vault {} is in another resource group than {}: {}", target_.vault_name,
                               where_.resource_group, clouds::azure::shown_text(vault.id, 300)),
                   kOtherResourceGroup};
    }
    return resources_.vault(vault.id);
  }
  return Error{ErrorCode::NotFound,
               fmt::format("the subscription {} ({}) has no vault {} that this account may see", subscription_.id,
                           clouds::azure::shown_text(subscription_.name, 64), target_.vault_name)};
}

std::vector<std::string> CustomerSide::vaults_with_key() {
  std::vector<std::string> found;
  auto all = resources_.vaults(subscription_.id);
  if (!all) return found;
  std::size_t asked = 0;
  for (const auto& other : all.value()) {
    if (iequals(other.name, target_.vault_name) || ++asked > kMostVaultsAsked) continue;
    auto vault = resources_.vault(other.id);
    if (!vault) continue;
    auto client = keys(vault.value());
    if (client && client.value().get(target_.key_name)) found.push_back(vault.value().name);
  }
  return found;
}

void CustomerSide::look_at_key(CustomerState& state) {
  auto client = keys(state.vault.value());
  if (!client) {
    state.key = client.error();
    return;
  }
  state.key = client.value().get(target_.key_name);
  if (state.key) {
    state.holds_only_this_key = client.value().holds_only(target_.key_name);
  } else if (state.key.error().code == ErrorCode::NotFound) {
    state.vaults_with_key = vaults_with_key();
  }
}

// Looks in the vault's tenant, because the platform signs in there.
void CustomerSide::look_at_app(CustomerState& state) {
  auto client = graph(state.vault ? state.vault.value().tenant_id : subscription_.tenant_id);
  auto found = client.find(target_.app.client_id);
  if (!found) {
    state.principal = found.error();
  } else if (found.value()) {
    state.principal = std::move(*found.value());
  } else {
    state.principal = Error{ErrorCode::NotFound, "not consented"};
  }
  state.similar_apps = client.named(first_word(target_.app.display_name));
}

void CustomerSide::look_at_roles(CustomerState& state) {
  auto scope = fmt::format("{}/keys/{}", state.vault.value().id, target_.key_name);
  auto assignments = resources_.assignments(scope, state.principal.value().object_id);
  if (!assignments) {
    state.grants = assignments.error();
    return;
  }
  std::vector<Grant> grants;
  std::map<std::string, Role> known;
  for (auto& assignment : assignments.value()) {
    if (!known.contains(assignment.role_id)) {
      auto role = resources_.role(assignment.role_id);
      if (!role) {
        state.grants = role.error();
        return;
      }
      known[assignment.role_id] = std::move(role.value());
    }
    auto role = known[assignment.role_id];
    grants.push_back({std::move(assignment), std::move(role)});
  }
  state.grants = std::move(grants);
}

CustomerState CustomerSide::gather() {
  CustomerState state;
  state.target = target_;
  state.now = tools_.clock.now();
  state.subscription_id = subscription_.id;
  state.subscription_tenant = subscription_.tenant_id;
  state.vault = find_vault();
  look_at_app(state);
  if (!state.vault) return state;
  look_at_key(state);
  if (state.principal) look_at_roles(state);
  state.diagnostics = resources_.diagnostics(state.vault.value().id);
  return state;
}

}  // namespace latchkey::clouds::azure::customer
