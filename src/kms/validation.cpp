#include "kms/validation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "kms/azure/key_target.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::kms {

namespace {

constexpr std::size_t kProbeSize = 32;

Result<void> check_kind(const KeyDescription& key, ReasonArguments arguments, const ValidationSettings& settings) {
  arguments.size = std::to_string(std::max(settings.minimum_rsa_bits, 3072U));
  if (key.type != "RSA" && key.type != "RSA-HSM") {
    arguments.unfit = fmt::format("is of type {}; it must be RSA or RSA-HSM", key.type.empty() ? "unknown" : key.type);
    return reason_error(reason::kKeyUnsuitable, arguments);
  }
  if (key.bits < settings.minimum_rsa_bits) {
    arguments.unfit = fmt::format("has {} bits; it must have at least {}", key.bits, settings.minimum_rsa_bits);
    return reason_error(reason::kKeyUnsuitable, arguments);
  }
  return success();
}

Result<void> check_state(const KeyDescription& key, ReasonArguments arguments, Timestamp now) {
  if (!key.enabled) return reason_error(reason::kKeyDisabled, arguments);
  if (key.not_before && now < *key.not_before) {
    arguments.when = fmt::format(" (before {})", format_timestamp(*key.not_before));
    return reason_error(reason::kKeyNotYetValid, arguments);
  }
  if (key.expires && now >= *key.expires) {
    arguments.when = fmt::format(" (at {})", format_timestamp(*key.expires));
    return reason_error(reason::kKeyExpired, arguments);
  }
  for (std::string_view needed : {"wrapKey", "unwrapKey"}) {
    if (std::find(key.operations.begin(), key.operations.end(), needed) != key.operations.end()) continue;
    arguments.operation = needed;
    return reason_error(reason::kKeyOperation, arguments);
  }
  return success();
}

Result<void> check_binding(const KeyDescription& key, ReasonArguments arguments, const ValidationSettings& settings) {
  auto bound = [&](const auto& tag) { return tag.first == settings.binding_tag && tag.second == "true"; };
  bool found = std::any_of(key.tags.begin(), key.tags.end(), bound);
  if (settings.binding == OrganizationBinding::Off || found) return success();
  arguments.tag = settings.binding_tag;
  auto error = reason_error(reason::kOrganizationTagMissing, arguments);
  if (settings.binding != OrganizationBinding::Warn) return error;
  spdlog::warn("{}", error.message);
  return success();
}

// A failure that is only the end of our time says nothing about the key.
Error or_deadline(Error error, const Clock& clock, Deadline deadline) {
  bool out_of_time = error.code == ErrorCode::KeyUnreachable && error.reason == reason::kTimedOut;
  if (!out_of_time || clock.steady() < deadline) return error;
  auto message = "the key could not be checked in the time allowed: " + error.message;
  return caused_by(std::move(error), ErrorCode::DeadlineExceeded, std::move(message), std::string(reason::kTimedOut));
}

Task<Result<void>> check_all(KeyProvider& provider, const KeyLocation& key, const ValidationSettings& settings,
                             const Clock& clock, RandomSource& random, Deadline deadline) {
  if (const auto* azure_key = std::get_if<AzureKey>(&key)) {
    auto arguments = azure::arguments_of(*azure_key);
    LATCHKEY_CO_TRY(auto description, co_await provider.describe(key, deadline));
    LATCHKEY_CO_TRYV(check_kind(description, arguments, settings));
    LATCHKEY_CO_TRYV(check_state(description, arguments, clock.now()));
    LATCHKEY_CO_TRYV(check_binding(description, arguments, settings));
  }
  co_return co_await check_round_trip(provider, key, random, deadline);
}

}  // namespace

Task<Result<void>> check_round_trip(KeyProvider& provider, const KeyLocation& key, RandomSource& random,
                                    Deadline deadline) {
  auto probe = crypto::SecretBytes::random(kProbeSize, random);
  LATCHKEY_CO_TRY(auto wrapped, co_await provider.wrap(key, probe, deadline));
  LATCHKEY_CO_TRY(auto returned, co_await provider.unwrap(key, wrapped, deadline));
  if (crypto::equal_constant_time(probe.reveal(), returned.secret.reveal())) co_return success();
  co_return reason_error(reason::kRoundTripMismatch, {});
}

Task<Result<void>> validate_key(KeyProvider& provider, const KeyLocation& key, const ValidationSettings& settings,
                                const Clock& clock, RandomSource& random, Deadline deadline) {
  auto checked = co_await check_all(provider, key, settings, clock, random, deadline);
  if (!checked) co_return or_deadline(checked.error(), clock, deadline);
  co_return success();
}

}  // namespace latchkey::kms
