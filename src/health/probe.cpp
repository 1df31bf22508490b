#include "health/probe.hpp"

#include "admin/key_location.hpp"
#include "base/log.hpp"
#include "kms/key_errors.hpp"
#include "kms/validation.hpp"

namespace latchkey::health {

namespace {

KeyEvent failed(Error error) {
  KeyEvent event;
  event.kind = KeyEvent::Kind::Failed;
  event.error = std::move(error);
  return event;
}

// The server's own failures say nothing about the key, nor does a call that was never made.
bool is_ours(const Error& error) {
  return kms::was_not_asked(error) || kms::failed_access_check(error) || error.code == ErrorCode::Internal;
}

}  // namespace

Task<std::optional<KeyEvent>> probe(kms::KeyProvider& provider, const kms::Providers& clouds,
                                    KeyHealthStore& health_store, store::ExternalKey key, RandomSource& random,
                                    Deadline deadline) {
  auto located = admin::key_location(clouds, key);
  if (!located) {
    spdlog::error("the health monitor cannot check {}, whose configuration cannot be read: {}", key.id,
                  describe(located.error()));
    co_return std::nullopt;
  }
  const auto& location = located.value();
  auto whole = co_await kms::check_round_trip(provider, location, random, deadline);
  if (whole) {
    KeyEvent event;
    event.kind = KeyEvent::Kind::RoundTrip;
    co_return event;
  }
  auto error = whole.error();
  if (is_ours(error)) co_return std::nullopt;
  if (!kms::is_refusal(error) || !kms::concerns_wrapping_alone(error)) co_return failed(std::move(error));

  auto data_key = co_await health_store.data_key_under(key);
  if (!data_key) co_return std::nullopt;
  if (!data_key.value()) co_return failed(std::move(error));
  const auto& row = *data_key.value();
  kms::Binding bound_to{row.organization, row.compartment, row.id};
  kms::WrappedKey wrapped{row.key_version, row.wrapped};
  auto opened = co_await provider.unwrap(location, bound_to, wrapped, deadline);
  // A damaged wrapped key is no failure of the external key, which did unwrap.
  if (!opened && opened.error().code != ErrorCode::Corrupt) {
    if (is_ours(opened.error())) co_return std::nullopt;
    co_return failed(opened.error());
  }
  KeyEvent event;
  event.kind = KeyEvent::Kind::WrapRefused;
  event.error = std::move(error);
  co_return event;
}

}  // namespace latchkey::health
