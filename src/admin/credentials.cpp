#include "admin/credentials.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "admin/workspace_rules.hpp"
#include "audit/lookup.hpp"
#include "base/encoding.hpp"
#include "base/utf8.hpp"
#include "crypto/hash.hpp"
#include "crypto/secret.hpp"

namespace latchkey::admin {

namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretCharacters = 43;
constexpr std::size_t kHintCharacters = 4;
constexpr std::size_t kMaxName = 255;
constexpr int kMostReads = 8;
constexpr std::size_t kMostKnown = 65'536;

std::string_view prefix_of(store::Role role) {
  switch (role) {
    case store::Role::Admin:
      return "sk-latchkey-admin01-";
    case store::Role::Service:
      return "sk-latchkey-service01-";
    case store::Role::Compliance:
      return "sk-latchkey-compliance01-";
    case store::Role::Workspace:
      return "sk-latchkey-workspace01-";
  }
  return "";
}

bool has_key_shape(std::string_view key) {
  for (auto role : {store::Role::Admin, store::Role::Service, store::Role::Compliance, store::Role::Workspace}) {
    auto prefix = prefix_of(role);
    if (!key.starts_with(prefix)) continue;
    auto rest = key.substr(prefix.size());
    return rest.size() == kSecretCharacters && std::all_of(rest.begin(), rest.end(), [](char c) {
             return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
           });
  }
  return false;
}

crypto::Sha256 hash_of(std::string_view key) {
  return crypto::sha256(as_bytes(key));
}

Result<void> check_name(std::string_view what, std::string_view name) {
  if (!name.empty() && utf8::code_points(name) <= kMaxName) return success();
  return Error{ErrorCode::Invalid, fmt::format("The name of {} must have 1 to {} characters.", what, kMaxName)};
}

NewApiKey make_api_key(const Clock& clock, RandomSource& random, const Uuid& organization, store::Role role,
                       std::string name, std::optional<std::string> workspace_id) {
  auto bytes = crypto::SecretBytes::random(kSecretBytes, random);
  NewApiKey key;
  key.secret = fmt::format("{}{}", prefix_of(role), base64url_encode(bytes.reveal()));
  key.row = store::ApiKey{.id = make_id(id_prefix::kApiKey, random),
                          .organization = organization,
                          .role = role,
                          .workspace_id = std::move(workspace_id),
                          .name = std::move(name),
                          .hash = to_bytes(hash_of(key.secret)),
                          .hint = "..." + key.secret.substr(key.secret.size() - kHintCharacters),
                          .created_at = clock.now(),
                          .revoked_at = std::nullopt};
  return key;
}

// Nothing of a request is in it.
audit::Caller as_caller(store::ApiKey row, const crypto::Sha256& hash, store::Changes::Moment as_of) {
  audit::Caller caller;
  caller.api_key_id = std::move(row.id);
  caller.organization = row.organization;
  caller.role = row.role;
  caller.workspace_id = std::move(row.workspace_id);
  caller.api_key_hash = hash;
  caller.keys_as_of = as_of;
  return caller;
}

Error organization_not_found(const Uuid& id) {
  return Error{ErrorCode::NotFound, fmt::format("There is no organization {}.", format_uuid(id))};
}

}  // namespace

Credentials::Credentials(store::Store& store, const Clock& clock, RandomSource& random, std::size_t most_keys)
    : store_(store), clock_(clock), random_(random), most_keys_(most_keys), known_(kMostKnown) {}

bool Credentials::may_have_ended(const audit::Caller& caller) const {
  return store_.changes().has_changed(caller.organization, caller.keys_as_of);
}

std::shared_ptr<const audit::Caller> Credentials::last_known(const crypto::Sha256& hash) {
  auto known = known_.find(hash);
  if (!known) return nullptr;
  return {known, &known->caller};
}

Task<Result<audit::Caller>> Credentials::authenticate(std::string_view api_key, std::string ip_address,
                                                      std::string user_agent) {
  auto hash = hash_of_api_key(api_key);
  if (!hash) co_return audit::unknown_api_key();
  co_return co_await authenticate(*hash, std::move(ip_address), std::move(user_agent));
}

Task<Result<audit::Caller>> Credentials::authenticate(crypto::Sha256 hash, std::string ip_address,
                                                      std::string user_agent) {
  auto caller = at_hand(hash);
  if (!caller) {
    auto now = clock_.age_time();
    // Taken before the row is read, so that an end in between is not missed.
    auto as_of = store_.changes().now();
    auto find = [hash](store::Transaction& tx) { return tx.find_api_key_by_hash(hash); };
    LATCHKEY_CO_TRY(auto row, co_await store_.look_up(std::move(find)));
    if (!row || row->revoked_at) {
      known_.erase(hash);
      co_return audit::unknown_api_key();
    }
    caller = as_caller(std::move(*row), hash, as_of);
    known_.put(hash, std::make_shared<const Known>(Known{*caller, now}));
  }
  caller->ip_address = std::move(ip_address);
  caller->user_agent = std::move(user_agent);
  co_return std::move(*caller);
}

std::optional<audit::Caller> Credentials::at_hand(const crypto::Sha256& hash) {
  const auto& changes = store_.changes();
  auto as_of = changes.now();
  auto known = known_.find(hash);
  bool holds =
      known && changes.holds(known->caller.organization, known->caller.keys_as_of, known->read_at, clock_.age_time());
  if (!holds) return std::nullopt;
  auto caller = known->caller;
  caller.keys_as_of = as_of;
  return caller;
}

Task<Result<void>> Credentials::confirm(audit::Caller caller) {
  // An end while the row is read is not missed either.
  for (int attempt = 0; attempt < kMostReads; ++attempt) {
    caller.keys_as_of = store_.changes().now();
    auto look = [caller](store::Transaction& tx) { return audit::confirm_caller(tx, caller); };
    LATCHKEY_CO_TRYV(co_await store_.look_up(std::move(look)));
    if (!may_have_ended(caller)) co_return success();
  }
  co_return Error{ErrorCode::Unavailable,
                  "API keys were changed again and again while yours was looked at",
                  {},
                  "Send the request again."};
}

Task<Result<OrganizationCreated>> Credentials::create_organization(std::string name, std::optional<Uuid> id) {
  LATCHKEY_CO_TRYV(check_name("an organization", name));
  OrganizationCreated created;
  created.organization = {.id = id ? *id : make_uuid(random_), .name = std::move(name), .created_at = clock_.now()};
  created.default_workspace = new_workspace_row(created.organization.id, "Default", clock_, random_);
  created.default_workspace.is_default = true;
  created.admin_key =
      make_api_key(clock_, random_, created.organization.id, store::Role::Admin, "First admin key", std::nullopt);
  auto insert = [created](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRY(auto existing, tx.find_organization(created.organization.id));
    if (existing) {
      return Error{ErrorCode::Conflict, fmt::format("There is an organization {} already, named \"{}\".",
                                                    format_uuid(created.organization.id), existing->name)};
    }
    LATCHKEY_TRYV(tx.insert(created.organization));
    LATCHKEY_TRYV(tx.insert(created.default_workspace));
    return tx.insert(created.admin_key.row);
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(insert)));
  co_return created;
}

Task<Result<std::vector<store::Organization>>> Credentials::list_organizations() {
  auto list = [](store::Transaction& tx) { return tx.list_organizations(); };
  co_return co_await store_.read(std::move(list));
}

Task<Result<store::Organization>> Credentials::get_organization(Uuid id) {
  auto find = [id](store::Transaction& tx) { return tx.find_organization(id); };
  LATCHKEY_CO_TRY(auto row, co_await store_.read(std::move(find)));
  if (!row) co_return organization_not_found(id);
  co_return std::move(*row);
}

Task<Result<NewApiKey>> Credentials::create_api_key(Uuid organization, store::Role role, std::string name,
                                                    std::optional<std::string> workspace_id) {
  LATCHKEY_CO_TRYV(check_name("an API key", name));
  if ((role == store::Role::Workspace) != workspace_id.has_value()) {
    co_return Error{ErrorCode::Invalid,
                    "A workspace goes with a key of the role workspace, and with no other: name one or leave it out."};
  }
  auto key = make_api_key(clock_, random_, organization, role, std::move(name), std::move(workspace_id));
  auto insert = [row = key.row, most = most_keys_](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRY(auto found, tx.find_organization(row.organization));
    if (!found) return organization_not_found(row.organization);
    LATCHKEY_TRY(auto live, tx.count_live_api_keys(row.organization));
    LATCHKEY_TRYV(audit::refuse_over_quota(live, most, "API keys",
                                           "Revoke one that is no longer used, or raise quotas.api_keys."));
    if (row.workspace_id) {
      LATCHKEY_TRY(auto workspace, audit::require_workspace(tx, row.organization, *row.workspace_id));
      if (workspace.archived_at) {
        return Error{ErrorCode::Invalid,
                     fmt::format("Workspace {} is archived; it can have no new API keys.", workspace.id)};
      }
    }
    return tx.insert(row);
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(insert)));
  co_return key;
}

Task<Result<std::vector<store::ApiKey>>> Credentials::list_api_keys(Uuid organization) {
  auto list = [organization](store::Transaction& tx) -> Result<std::vector<store::ApiKey>> {
    LATCHKEY_TRY(auto found, tx.find_organization(organization));
    if (!found) return organization_not_found(organization);
    return tx.list_api_keys(organization);
  };
  co_return co_await store_.read(std::move(list));
}

Task<Result<void>> Credentials::revoke_api_key(Uuid organization, std::string id) {
  auto revoke = [organization, id, at = clock_.now()](store::Transaction& tx) {
    return tx.revoke_api_key(organization, id, at);
  };
  LATCHKEY_CO_TRY(auto found, co_await store_.write(std::move(revoke)));
  if (!found) co_return Error{ErrorCode::NotFound, fmt::format("There is no API key {} in this organization.", id)};
  co_return success();
}

std::optional<crypto::Sha256> hash_of_api_key(std::string_view api_key) {
  if (!has_key_shape(api_key)) return std::nullopt;
  return hash_of(api_key);
}

}  // namespace latchkey::admin
