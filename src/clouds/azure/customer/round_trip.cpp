#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "clouds/azure/customer/commands.hpp"
#include "clouds/azure/customer/platform.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

using boost::algorithm::iequals;
using Outcome = RoundTrip::Outcome;

namespace {

std::string without_slash(std::string uri) {
  while (uri.ends_with('/')) uri.pop_back();
  return uri;
}

std::string provider_options(const CustomerState& state) {
  auto tenant = state.vault ? commands::word(state.vault.value().tenant_id) : std::string("TENANT");
  return fmt::format("--vault-uri {} --key-name {} --tenant-id {}", state.target.vault_uri(), state.target.key_name,
                     tenant);
}

RoundTrip not_registered(const std::vector<RegisteredKey>& keys, const CustomerState& state) {
  // A key that does not exist cannot be registered yet.
  bool is_there = state.vault && (state.key || state.key.error().code != ErrorCode::NotFound);
  auto create = is_there ? "latchkey keys create " + provider_options(state) : std::string();
  for (const auto& other : keys) {
    if (!iequals(other.key_name, state.target.key_name)) continue;
    return {Outcome::NotTried,
            fmt::format("not tried: this key is not registered; {} of the same name is in another vault, {}", other.id,
                        clouds::azure::shown_text(other.vault_uri, 100)),
            create};
  }
  return {Outcome::NotTried, "not tried: the key is not registered with Latchkey", create};
}

}  // namespace

bool is_registration_of(const RegisteredKey& key, const Target& target) {
  return iequals(without_slash(key.vault_uri), without_slash(target.vault_uri())) &&
         iequals(key.key_name, target.key_name);
}

RoundTrip try_round_trip(Platform* platform, const CustomerState& state) {
  if (platform == nullptr) {
    return {Outcome::NotTried, "not tried: only the platform can sign in as its app; it does so when it validates",
            "set LATCHKEY_URL and LATCHKEY_ADMIN_KEY and run this again, or: latchkey keys validate EKEY"};
  }
  auto keys = platform->keys();
  if (!keys) return {Outcome::NotTried, "not tried: " + keys.error().message(), ""};
  auto found = std::find_if(keys.value().begin(), keys.value().end(),
                            [&](const RegisteredKey& key) { return is_registration_of(key, state.target); });
  if (found == keys.value().end()) return not_registered(keys.value(), state);
  if (state.vault && !iequals(found->tenant_id, state.vault.value().tenant_id)) {
    return {Outcome::Failed,
            fmt::format("{} is registered with the tenant {}, and the vault is governed by {}", found->id,
                        clouds::azure::shown_text(found->tenant_id, 64),
                        clouds::azure::shown_text(state.vault.value().tenant_id, 64)),
            fmt::format("latchkey keys update {} {}", found->id, provider_options(state))};
  }
  auto validation = platform->validate(found->id);
  if (!validation) return {Outcome::NotTried, "not tried: " + validation.error().message(), ""};
  if (validation.value().succeeded) return {Outcome::Succeeded, "wrapped and unwrapped with " + found->id, ""};
  return {Outcome::Failed, fmt::format("{}: {}", found->id, validation.value().error), ""};
}

}  // namespace latchkey::clouds::azure::customer
