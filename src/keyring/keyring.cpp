#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "base/timeout.hpp"
#include "keyring/keyring_impl.hpp"
#include "kms/key_errors.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::keyring {

namespace {

// So long a client may use a data key while a renewal runs: most renewals take longer.
constexpr std::chrono::milliseconds kAwaited{25};
// So many renewals begin together, and the next ones so much later.
constexpr std::size_t kDueAtOnce = 2;
constexpr std::chrono::milliseconds kBetweenDue{2};

// The longest time from a request to a key to the use of its response, store included, on a machine that does not
// sleep.
std::chrono::milliseconds longest_request(const KeyringSettings& settings) {
  return settings.kms_timeout + std::chrono::seconds(5);
}

Error too_late() {
  kms::ReasonArguments arguments;
  arguments.host = "the workspace's encryption key";
  arguments.note = " for this request";
  return kms::reason_error(kms::reason::kTimedOut, arguments);
}

Error deadline_passed() {
  return Error{ErrorCode::DeadlineExceeded, "the request ran out of time before its key was asked", {}, "Try again"};
}

std::optional<std::string> external_id(const std::string& external_key) {
  return external_key.empty() ? std::nullopt : std::optional(external_key);
}

}  // namespace

Keyring::Impl::Impl(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
                    boost::asio::any_io_executor executor, KeyringSettings settings, KeyObserver* observer)
    : store_(store),
      clock_(clock),
      executor_(std::move(executor)),
      settings_(settings),
      table_({{settings.probes, settings.tries, longest_request(settings)},
              settings.max_leases,
              [&random] { return random_fraction(random); }}),
      unwrapper_(store, provider, clock, random, table_, settings.kms_timeout, settings.access_check, observer,
                 settings.renewals) {}

Task<Result<Lease>> Keyring::Impl::for_encryption(Compartment compartment, Deadline deadline) {
  if (clock_.steady() >= deadline) co_return deadline_passed();
  if (auto id = table_.active(compartment, ages_of(compartment), clock_.age_time())) {
    auto lease = co_await for_decryption(compartment, *id, deadline);
    if (lease || lease.error().code != ErrorCode::NotFound) co_return lease;
  }
  std::pair place{compartment.id, external_of(compartment.external_key_id)};
  LeaseFlight flight = [self = shared_from_this(), compartment = std::move(compartment), place] {
    LeaseFlight work = [self, compartment] { return self->find_or_make(compartment); };
    return self->makings_.run(self->executor_, place, guarded(std::move(work)));
  };
  co_return co_await wait(std::move(flight), deadline);
}

Task<Result<Lease>> Keyring::Impl::for_decryption(Compartment compartment, RawId id, Deadline deadline) {
  if (clock_.steady() >= deadline) co_return deadline_passed();
  auto lease = co_await held(compartment, id, deadline);
  if (lease) co_return std::move(*lease);
  LeaseFlight flight = [self = shared_from_this(), compartment = std::move(compartment), id] {
    return self->unwrap_once(compartment, id, Why::Request);
  };
  co_return co_await wait(std::move(flight), deadline);
}

Lease Keyring::Impl::lease_of(std::shared_ptr<const envelope::DataKey> key, std::optional<std::string> external_key_id,
                              AgeTime proven_at, const LeaseAges& ages, std::chrono::milliseconds past_soft,
                              AgeTime now) const {
  auto expires_at = proven_at + ages.hard;
  auto soft_end = proven_at + ages.soft;
  if (soft_end <= now) soft_end = now + past_soft;
  return {std::move(key), std::move(external_key_id), expires_at,
          std::min({soft_end, expires_at, now + settings_.longest_client_lease})};
}

Lease Keyring::Impl::lease_of(const LeaseTable::Found& found, const LeaseAges& ages, AgeTime now) const {
  auto past_soft = found.use == LeaseUse::Bridging ? renewal_slack(ages) : kAwaited;
  auto lease = lease_of(found.key, external_id(found.version->external_key), found.proven_at, ages, past_soft, now);
  lease.bridged = found.use == LeaseUse::Bridging;
  lease.kms_request_id = found.kms_request_id;
  lease.dropped = found.dropped;
  return lease;
}

// A lease under another external key than the workspace's cannot be: the caller then reads the store, which raises the
// alarm.
std::optional<LeaseTable::Found> Keyring::Impl::find(const Compartment& compartment, const std::optional<RawId>& id,
                                                     AgeTime now) {
  auto ages = ages_of(compartment);
  auto found = id ? table_.find({compartment.id, *id}, ages, now) : table_.find_active(compartment, ages, now);
  if (!found) return std::nullopt;
  if (found->renew) renew_behind(compartment, found->key->id(), *found->version);
  const auto& external = found->version->external_key;
  if (!external.empty() && external != compartment.external_key_id) return std::nullopt;
  return found;
}

std::optional<Lease> Keyring::Impl::at_hand(const Compartment& compartment, const std::optional<RawId>& data_key_id) {
  auto now = clock_.age_time();
  auto found = find(compartment, data_key_id, now);
  if (!found || found->use == LeaseUse::Stale) return std::nullopt;
  return lease_of(*found, ages_of(compartment), now);
}

// The lease that the table holds; where it is stale, this asks its key first. Absent where the table holds none, or
// dropped it for no reason that concerns the caller.
Task<std::optional<Result<Lease>>> Keyring::Impl::held(Compartment compartment, RawId id, Deadline deadline) {
  auto ages = ages_of(compartment);
  for (int attempt = 0; attempt < kMostTries; ++attempt) {
    auto now = clock_.age_time();
    auto found = find(compartment, id, now);
    if (!found) co_return std::nullopt;
    if (found->use != LeaseUse::Stale) co_return Result<Lease>(lease_of(*found, ages, now));
    auto outcome = co_await renew_once(compartment, id, *found->version, deadline);
    bool could_not_ask = !outcome || (!*outcome && kms::is_outage(outcome->error()));
    if (outcome && !*outcome && kms::was_not_asked(outcome->error())) co_return outcome;
    if (could_not_ask) {
      now = clock_.age_time();
      found = find(compartment, id, now);
      if (found) co_return Result<Lease>(lease_of(*found, ages, now));
      if (!outcome) co_return Result<Lease>(too_late());
      co_return outcome;
    }
    if (!*outcome && kms::is_refusal(outcome->error())) co_return outcome;
    // The lease is renewed; or the caller that asked for all had a data key that is damaged, and this one asks with its
    // own.
  }
  co_return std::nullopt;
}

// One unwrap for all callers that wait for this version of this key. Absent where the deadline came first.
Task<std::optional<Result<Lease>>> Keyring::Impl::renew_once(Compartment compartment, RawId id, KeyVersionId version,
                                                             Deadline deadline) {
  LeaseFlight flight = [self = shared_from_this(), compartment = std::move(compartment), id,
                        version = std::move(version)] {
    LeaseFlight work = [self, compartment, id] { return self->unwrap_once(compartment, id, Why::Renewal); };
    return self->renewals_.run(self->executor_, version, guarded(std::move(work)));
  };
  co_return co_await with_timeout(executor_, deadline - clock_.steady(), std::move(flight));
}

// No request waits for it: neither one that uses a lease whose renewal is in time, nor one that gets a remembered
// refusal.
void Keyring::Impl::renew_behind(Compartment compartment, RawId id, KeyVersionId version) {
  auto renewal = [](std::shared_ptr<Impl> self, Compartment whose, RawId which, KeyVersionId of) -> Task<void> {
    (void)co_await self->renew_once(std::move(whose), which, of, self->unwrapper_.deadline());
    self->table_.end_renewal(of);
  };
  boost::asio::co_spawn(executor_, renewal(shared_from_this(), std::move(compartment), id, std::move(version)),
                        boost::asio::detached);
}

std::chrono::milliseconds Keyring::Impl::run_once() {
  auto now = clock_.age_time();
  auto all = table_.take_due(settings_.ages, kDueAtOnce, now);
  for (auto& due : all) renew_behind(std::move(due.compartment), due.data_key, std::move(due.version));
  if (all.size() == kDueAtOnce) return kBetweenDue;
  table_.wipe_expired(settings_.ages, now);
  return renewal_slack(settings_.ages) / 2;
}

Task<Result<Lease>> Keyring::Impl::wait(LeaseFlight flight, Deadline deadline) {
  auto outcome = co_await with_timeout(executor_, deadline - clock_.steady(), std::move(flight));
  if (outcome) co_return std::move(*outcome);
  co_return too_late();
}

Task<Result<Lease>> Keyring::Impl::unwrap_once(Compartment compartment, RawId id, Why why) {
  auto self = shared_from_this();
  // A renewal does not share a request's unwrap, which may wait long for its turn.
  std::pair key{LeaseId{compartment.id, id}, why};
  LeaseFlight work = [self, compartment = std::move(compartment), id, why] {
    return self->read_and_unwrap(compartment, id, why);
  };
  co_return co_await unwraps_.run(executor_, key, guarded(std::move(work)));
}

Task<Result<Lease>> Keyring::Impl::read_and_unwrap(Compartment compartment, RawId id, Why why) {
  // A flight that began while the one before it ended finds that one's lease.
  if (why == Why::Request) {
    auto now = clock_.age_time();
    if (auto found = find(compartment, id, now); found && found->use == LeaseUse::Fresh) {
      co_return lease_of(*found, ages_of(compartment), now);
    }
  }
  LeaseId lease_id{compartment.id, id};
  for (int tries = 0; tries < kMostTries; ++tries) {
    auto epoch = table_.epoch(external_of(compartment.external_key_id));
    // Each attempt reads the row and checks access anew: a suspension may have ended the attempt before.
    LATCHKEY_CO_TRY(auto row, co_await unwrapper_.read(compartment, id));
    KeyVersionId version{external_of(row.external_key_id), row.key_version};
    if (why == Why::Request) {
      if (auto failure = table_.cached_failure(version, clock_.age_time())) co_return *failure;
    }
    auto attempt = table_.begin(version, clock_.age_time());
    if (row.external_key_id && attempt.epoch != epoch) continue;
    bool again = why == Why::Renewal && table_.is_proven(version);
    auto asks = again ? DataKeyUnwrapper::Asks::Again : DataKeyUnwrapper::Asks::Anew;
    auto key = co_await unwrapper_.unwrap(compartment, row, attempt, asks);
    if (!key) {
      if (!kms::is_outage(key.error())) table_.erase(lease_id);
      co_return key.error();
    }
    // Checks access once more between the response and its use: an admin may have suspended the key on another node.
    if (row.external_key_id) {
      LATCHKEY_CO_TRYV(co_await unwrapper_.check_access(compartment));
    }
    auto [unwrapped, request_id] = std::move(key).value();
    auto shared = std::make_shared<const envelope::DataKey>(std::move(unwrapped));
    auto lease = keep(attempt, compartment, std::move(shared), std::move(request_id));
    if (table_.is_destroyed(lease_id)) co_return data_key_destroyed(id);
    if (lease) co_return std::move(*lease);
  }
  co_return changed_again_and_again();
}

// The lease of a data key that has just been unwrapped. Absent where the key was evicted or refused in the meantime, or
// where the machine slept: a response from before proves nothing.
std::optional<Lease> Keyring::Impl::keep(const LeaseTable::UnwrapAttempt& attempt, const Compartment& compartment,
                                         std::shared_ptr<const envelope::DataKey> key, std::string request_id) {
  if (clock_.age_time() - attempt.begun > longest_request(settings_)) return std::nullopt;
  auto ages = ages_of(compartment);
  std::shared_ptr<const std::string> named;
  if (!request_id.empty()) named = std::make_shared<const std::string>(std::move(request_id));
  auto proven_at = table_.insert(attempt, compartment, ages, key, named);
  if (!proven_at) return std::nullopt;
  unwrapper_.report_proved(attempt.version.external_key);
  auto lease = lease_of(std::move(key), external_id(attempt.version.external_key), *proven_at, ages, kAwaited,
                        clock_.age_time());
  lease.kms_request_id = std::move(named);
  lease.dropped = attempt.dropped;
  return lease;
}

Keyring::Keyring(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
                 boost::asio::any_io_executor executor, KeyringSettings settings, KeyObserver* observer)
    : impl_(std::make_shared<Impl>(store, provider, clock, random, std::move(executor), settings, observer)) {}

Keyring::~Keyring() = default;

Task<Result<Lease>> Keyring::for_encryption(Compartment compartment, Deadline deadline) {
  return impl_->for_encryption(std::move(compartment), deadline);
}

Task<Result<Lease>> Keyring::for_decryption(Compartment compartment, RawId data_key_id, Deadline deadline) {
  return impl_->for_decryption(std::move(compartment), data_key_id, deadline);
}

std::optional<Lease> Keyring::at_hand(const Compartment& compartment, const std::optional<RawId>& data_key_id) {
  return impl_->at_hand(compartment, data_key_id);
}

void Keyring::forget(const Uuid& compartment, const std::vector<RawId>& data_key_ids) {
  impl_->forget(compartment, data_key_ids);
}

void Keyring::evict(const std::string& external_key_id) {
  impl_->evict(external_key_id);
}

bool Keyring::may_use(const Compartment& compartment, const Lease& lease) const {
  return impl_->may_use(compartment, lease);
}

bool Keyring::holds(const Compartment& compartment, const RawId& data_key_id) const {
  return impl_->holds(compartment, data_key_id);
}

std::chrono::milliseconds Keyring::run_once() {
  return impl_->run_once();
}

std::size_t Keyring::size() const {
  return impl_->size();
}

}  // namespace latchkey::keyring
