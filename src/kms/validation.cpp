#include "kms/validation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "kms/reasons.hpp"

namespace latchkey::kms {

namespace {

constexpr std::size_t kProbeSize = 32;

// Words for the key's owner: what to call the key and the az commands that cure it. Built from the registration alone.
struct Owner {
  std::string key;     // "key \"k\" in https://contoso.vault.azure.net/"
  std::string option;  // "--vault-name contoso --name k"
};

Owner words_for(const AzureKey& key) {
  Owner owner{fmt::format("key \"{}\" in {}", key.key_name, key.vault_uri), "--vault-name <vault> --name <key>"};
  auto host = key.vault_uri.find("://");
  if (host == std::string::npos) return owner;
  auto label = key.vault_uri.substr(host + 3);
  bool hsm = label.find(".managedhsm.") != std::string::npos;
  label = label.substr(0, label.find('.'));
  owner.option = fmt::format("{} {} --name {}", hsm ? "--hsm-name" : "--vault-name", label, key.key_name);
  return owner;
}

Error unsuitable(std::string message) {
  return Error{ErrorCode::KeyDenied, std::move(message), std::string(reason::kKeyUnsuitable)};
}

Result<void> check_kind(const KeyDescription& key, const Owner& owner, const ValidationSettings& settings) {
  auto size = std::max(settings.minimum_rsa_bits, 3072U);
  auto create = fmt::format(
      "Make another key and register that one: az keyvault key create {} --kty RSA --size {} "
      "--ops wrapKey unwrapKey (with another --name: an existing key keeps its kind)",
      owner.option, size);
  if (key.type != "RSA" && key.type != "RSA-HSM") {
    return unsuitable(fmt::format("{} is of type {}; it must be RSA or RSA-HSM. {}", owner.key,
                                  key.type.empty() ? "unknown" : key.type, create));
  }
  if (key.bits < settings.minimum_rsa_bits) {
    return unsuitable(fmt::format("{} has {} bits; it must have at least {}. {}", owner.key, key.bits,
                                  settings.minimum_rsa_bits, create));
  }
  return success();
}

Result<void> check_state(const KeyDescription& key, const Owner& owner, Timestamp now) {
  auto denied = [](std::string_view why, std::string message) {
    return Error{ErrorCode::KeyDenied, std::move(message), std::string(why)};
  };
  auto set = fmt::format("az keyvault key set-attributes {}", owner.option);
  if (!key.enabled) {
    return denied(reason::kKeyDisabled, fmt::format("{} is disabled. Enable it: {} --enabled true", owner.key, set));
  }
  if (key.not_before && now < *key.not_before) {
    return denied(reason::kKeyNotYetValid,
                  fmt::format("{} is not valid before {}. Wait, or move its activation date: {} --not-before "
                              "<yyyy-mm-ddThh:mm:ssZ>",
                              owner.key, format_timestamp(*key.not_before), set));
  }
  if (key.expires && now >= *key.expires) {
    return denied(reason::kKeyExpired,
                  fmt::format("{} expired at {}. Move its expiry: {} --expires <yyyy-mm-ddThh:mm:ssZ>; or make a new "
                              "version: az keyvault key rotate {}",
                              owner.key, format_timestamp(*key.expires), set, owner.option));
  }
  for (std::string_view needed : {"wrapKey", "unwrapKey"}) {
    if (std::find(key.operations.begin(), key.operations.end(), needed) != key.operations.end()) continue;
    return denied(reason::kKeyOperation, fmt::format("{} does not permit {}. Permit both: {} --ops wrapKey unwrapKey",
                                                     owner.key, needed, set));
  }
  return success();
}

Result<void> check_binding(const KeyDescription& key, const Owner& owner, const ValidationSettings& settings) {
  auto bound = [&](const auto& tag) { return tag.first == settings.binding_tag && tag.second == "true"; };
  bool found = std::any_of(key.tags.begin(), key.tags.end(), bound);
  if (settings.binding == OrganizationBinding::Off || found) return success();
  auto message = fmt::format(
      "{} does not bear the tag \"{}\" = \"true\" that lets this organisation use it. Add it beside the tags "
      "that are there (--tags replaces all): az keyvault key set-attributes {} --tags {}=true",
      owner.key, settings.binding_tag, owner.option, settings.binding_tag);
  if (settings.binding == OrganizationBinding::Warn) {
    spdlog::warn("{}", message);
    return success();
  }
  return Error{ErrorCode::KeyDenied, std::move(message), std::string(reason::kOrganizationTagMissing)};
}

// A failure that is only the end of our time says nothing about the key.
Error or_deadline(Error error, const Clock& clock, Deadline deadline) {
  bool out_of_time = error.code == ErrorCode::KeyUnreachable && error.reason == reason::kTimedOut;
  if (!out_of_time || clock.steady() < deadline) return error;
  auto message = "the key could not be checked in the time allowed: " + error.message;
  return caused_by(std::move(error), ErrorCode::DeadlineExceeded, std::move(message), std::string(reason::kTimedOut));
}

Task<Result<void>> check_round_trip(KeyProvider& provider, const KeyLocation& key, RandomSource& random,
                                    Deadline deadline) {
  auto probe = crypto::SecretBytes::random(kProbeSize, random);
  LATCHKEY_CO_TRY(auto wrapped, co_await provider.wrap(key, probe, deadline));
  LATCHKEY_CO_TRY(auto returned, co_await provider.unwrap(key, wrapped, deadline));
  if (crypto::equal_constant_time(probe.reveal(), returned.reveal())) co_return success();
  co_return Error{ErrorCode::Corrupt,
                  "what the key wrapped did not come back the same when it was unwrapped. Nothing was encrypted under "
                  "it; make a new key version, and tell the key service's support",
                  std::string(reason::kRoundTripMismatch)};
}

Task<Result<void>> check_all(KeyProvider& provider, const KeyLocation& key, const ValidationSettings& settings,
                             const Clock& clock, RandomSource& random, Deadline deadline) {
  if (const auto* azure = std::get_if<AzureKey>(&key)) {
    auto owner = words_for(*azure);
    LATCHKEY_CO_TRY(auto description, co_await provider.describe(key, deadline));
    LATCHKEY_CO_TRYV(check_kind(description, owner, settings));
    LATCHKEY_CO_TRYV(check_state(description, owner, clock.now()));
    LATCHKEY_CO_TRYV(check_binding(description, owner, settings));
  }
  co_return co_await check_round_trip(provider, key, random, deadline);
}

}  // namespace

Task<Result<void>> validate_key(KeyProvider& provider, const KeyLocation& key, const ValidationSettings& settings,
                                const Clock& clock, RandomSource& random, Deadline deadline) {
  auto checked = co_await check_all(provider, key, settings, clock, random, deadline);
  if (!checked) co_return or_deadline(checked.error(), clock, deadline);
  co_return success();
}

}  // namespace latchkey::kms
