#include "kms/validation.hpp"

#include "base/log.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::kms {

namespace {

constexpr std::size_t kProbeSize = 32;

Task<Result<void>> check_binding(KeyProvider& provider, const Provider& cloud, const KeyLocation& key,
                                 const KeyDescription& description, const ValidationSettings& settings,
                                 Deadline deadline) {
  if (settings.binding == OrganizationBinding::Off) co_return success();
  auto bound = co_await cloud.check_bound(provider, key, description, settings, deadline);
  bool is_missing = !bound && bound.error().reason == reason::kOrganizationTagMissing;
  if (!is_missing || settings.binding != OrganizationBinding::Warn) co_return bound;
  spdlog::warn("{}", bound.error().message());
  co_return success();
}

// A failure that comes only from the end of our own time says nothing about the key.
Error or_deadline(Error error, const Clock& clock, Deadline deadline) {
  bool out_of_time = error.code == ErrorCode::KeyUnreachable && error.reason == reason::kTimedOut;
  if (!out_of_time || clock.steady() < deadline) return error;
  auto late = error;
  late.code = ErrorCode::DeadlineExceeded;
  late.cause = "the key could not be checked in the time allowed: " + error.cause;
  late.beneath = std::make_shared<const Error>(std::move(error));
  return late;
}

Task<Result<void>> check_all(KeyProvider& provider, const Providers& clouds, const KeyLocation& key,
                             const ValidationSettings& settings, const Clock& clock, RandomSource& random,
                             Deadline deadline) {
  if (const auto* cloud = clouds.cloud_of(key.key())) {
    LATCHKEY_CO_TRY(auto description, co_await provider.describe(key, deadline));
    LATCHKEY_CO_TRYV(cloud->check_suitable(key.key(), description, settings, clock.now()));
    LATCHKEY_CO_TRYV(co_await check_binding(provider, *cloud, key, description, settings, deadline));
  }
  co_return co_await check_round_trip(provider, key, random, deadline);
}

}  // namespace

Task<Result<void>> check_round_trip(KeyProvider& provider, const KeyLocation& key, RandomSource& random,
                                    Deadline deadline) {
  auto probe = crypto::SecretBytes::random(kProbeSize, random);
  const Binding nobodys;
  LATCHKEY_CO_TRY(auto wrapped, co_await provider.wrap(key, nobodys, probe, deadline));
  LATCHKEY_CO_TRY(auto returned, co_await provider.unwrap(key, nobodys, wrapped, deadline));
  if (crypto::equal_constant_time(probe.reveal(), returned.secret.reveal())) co_return success();
  co_return reason_error(reason::kRoundTripMismatch, {});
}

Task<Result<void>> validate_key(KeyProvider& provider, const Providers& clouds, const KeyLocation& key,
                                const ValidationSettings& settings, const Clock& clock, RandomSource& random,
                                Deadline deadline) {
  auto checked = co_await check_all(provider, clouds, key, settings, clock, random, deadline);
  if (!checked) co_return or_deadline(checked.error(), clock, deadline);
  co_return success();
}

}  // namespace latchkey::kms
