#include "keyring/keyring.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "base/single_flight.hpp"
#include "envelope/wrapped_data_key.hpp"
#include "keyring/lease_table.hpp"
#include "kms/patience.hpp"
#include "kms/reasons.hpp"

namespace latchkey::keyring {

namespace {

// How often a question is asked again whose answer came too late, as the leases were evicted in the meantime.
constexpr int kMostTries = 3;

bool refused(const Error& error) {
  return error.code == ErrorCode::KeyDenied || error.code == ErrorCode::NetworkBlocked;
}

// The key, or the row that is needed to ask it, could not be reached: nobody refused anything.
bool unreachable(const Error& error) {
  return error.code == ErrorCode::KeyUnreachable || error.code == ErrorCode::Unavailable ||
         error.code == ErrorCode::DeadlineExceeded;
}

// Key Vault lets a key outside its dates, or without wrapKey, unwrap all the same.
bool concerns_wrapping_alone(const Error& error) {
  return error.reason == kms::reason::kKeyExpired || error.reason == kms::reason::kKeyNotYetValid ||
         error.reason == kms::reason::kKeyOperation;
}

Error too_late() {
  return Error{ErrorCode::KeyUnreachable,
               "the workspace's encryption key did not answer in the time that this request had. Try again shortly",
               std::string(kms::reason::kTimedOut)};
}

Error deadline_passed() {
  return Error{ErrorCode::DeadlineExceeded, "the request ran out of time before its key was asked. Try again"};
}

std::string external_of(const std::optional<std::string>& external_key_id) {
  return external_key_id.value_or(std::string());
}

std::optional<std::string> external_id(const std::string& external_key) {
  return external_key.empty() ? std::nullopt : std::optional(external_key);
}

Error integrity_alarm(const Compartment& compartment, const RawId& data_key, Error error) {
  spdlog::critical("integrity alarm: data key {} of workspace {} ({}): {}", format_id(id_prefix::kDataKey, data_key),
                   compartment.workspace_id, compartment.external_key_id.value_or("the platform's root key"),
                   describe(error));
  return error;
}

}  // namespace

// Kept alive by its flights, which outlast the callers that began them.
class Keyring::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
       boost::asio::any_io_executor executor, KeyringSettings settings)
      : store_(store),
        provider_(provider),
        clock_(clock),
        random_(random),
        executor_(std::move(executor)),
        settings_(settings),
        table_({settings.soft, settings.hard, settings.refusal_memory, settings.max_leases}) {}

  Task<Result<Lease>> for_encryption(Compartment compartment, Deadline deadline);
  Task<Result<Lease>> for_decryption(Compartment compartment, RawId id, Deadline deadline);
  void evict(const std::string& external_key_id) { table_.evict(external_key_id); }
  void wipe_expired() { table_.wipe_expired(clock_.steady()); }
  [[nodiscard]] std::size_t size() const { return table_.size(); }

 private:
  using LeaseFlight = std::function<Task<Result<Lease>>()>;
  // A new data key that has come back from its key the same.
  struct Proven {
    store::DataKey row;
    std::shared_ptr<const envelope::DataKey> key;
    LeaseTable::Ticket ticket;
  };

  [[nodiscard]] Lease lease_of(std::shared_ptr<const envelope::DataKey> key, std::optional<std::string> external_key_id,
                               SteadyTime expires_at) const;
  [[nodiscard]] std::optional<LeaseTable::Found> find(const Compartment& compartment, const RawId& id);
  [[nodiscard]] Task<std::optional<Result<Lease>>> renewed(Compartment compartment, RawId id, Deadline deadline);
  [[nodiscard]] Task<std::optional<Result<Lease>>> renew_once(Compartment compartment, RawId id, KeyVersionId version,
                                                              Deadline deadline);
  void ask_again(Compartment compartment, RawId id, KeyVersionId version);
  [[nodiscard]] Task<Result<Lease>> wait(LeaseFlight flight, Deadline deadline);
  [[nodiscard]] Task<Result<Lease>> unwrap_once(Compartment compartment, RawId id);
  [[nodiscard]] Task<Result<Lease>> read_and_unwrap(Compartment compartment, RawId id);
  [[nodiscard]] Task<Result<Lease>> unwrap(Compartment compartment, store::DataKey row);
  [[nodiscard]] Task<Result<envelope::DataKey>> ask(Compartment compartment, store::DataKey row,
                                                    LeaseTable::Ticket ticket);
  [[nodiscard]] Task<Result<Lease>> find_or_make(Compartment compartment);
  [[nodiscard]] Task<Result<Lease>> make(Compartment compartment);
  [[nodiscard]] Task<Result<Proven>> wrap_and_prove(Compartment compartment);
  [[nodiscard]] Error note_failure(const LeaseTable::Ticket& ticket, Error error);
  [[nodiscard]] Error note_wrapping_failure(const std::string& external_key, Error error);
  [[nodiscard]] Deadline kms_deadline() const { return clock_.steady() + settings_.kms_timeout; }

  store::Store& store_;
  kms::KeyProvider& provider_;
  const Clock& clock_;
  RandomSource& random_;
  boost::asio::any_io_executor executor_;
  KeyringSettings settings_;
  LeaseTable table_;
  SingleFlight<std::pair<Uuid, std::string>, Result<Lease>> makings_;
  SingleFlight<LeaseId, Result<Lease>> unwraps_;
  SingleFlight<KeyVersionId, Result<Lease>> renewals_;
};

Task<Result<Lease>> Keyring::Impl::for_encryption(Compartment compartment, Deadline deadline) {
  if (clock_.steady() >= deadline) co_return deadline_passed();
  auto external = external_of(compartment.external_key_id);
  if (auto id = table_.active(compartment.id, external, clock_.steady())) {
    auto lease = co_await for_decryption(compartment, *id, deadline);
    if (lease || lease.error().code != ErrorCode::NotFound) co_return lease;
  }
  std::pair place{compartment.id, external};
  LeaseFlight flight = [self = shared_from_this(), compartment = std::move(compartment), place] {
    LeaseFlight work = [self, compartment] { return self->find_or_make(compartment); };
    return self->makings_.run(self->executor_, place, kms::guarded(std::move(work)));
  };
  co_return co_await wait(std::move(flight), deadline);
}

Task<Result<Lease>> Keyring::Impl::for_decryption(Compartment compartment, RawId id, Deadline deadline) {
  if (clock_.steady() >= deadline) co_return deadline_passed();
  auto held = co_await renewed(compartment, id, deadline);
  if (held) co_return std::move(*held);
  LeaseFlight flight = [self = shared_from_this(), compartment = std::move(compartment), id] {
    return self->unwrap_once(compartment, id);
  };
  co_return co_await wait(std::move(flight), deadline);
}

Lease Keyring::Impl::lease_of(std::shared_ptr<const envelope::DataKey> key, std::optional<std::string> external_key_id,
                              SteadyTime expires_at) const {
  auto now = clock_.steady();
  auto soft_end = expires_at - settings_.hard + settings_.soft;
  if (soft_end <= now) soft_end = now + settings_.soft;
  return {std::move(key), std::move(external_key_id), expires_at, std::min(soft_end, expires_at)};
}

// A lease under another external key than the workspace's cannot be: the store is asked, and raises the alarm.
std::optional<LeaseTable::Found> Keyring::Impl::find(const Compartment& compartment, const RawId& id) {
  auto found = table_.find({compartment.id, id}, clock_.steady());
  if (!found) return std::nullopt;
  const auto& external = found->version.external_key;
  if (!external.empty() && external != compartment.external_key_id) return std::nullopt;
  return found;
}

// The lease that is held, its key asked again where it is past the soft age. Nothing where none is held, or it was
// dropped without a reason that is the caller's to know.
Task<std::optional<Result<Lease>>> Keyring::Impl::renewed(Compartment compartment, RawId id, Deadline deadline) {
  for (int attempt = 0; attempt < kMostTries; ++attempt) {
    auto found = find(compartment, id);
    if (!found) co_return std::nullopt;
    auto lease = lease_of(found->key, external_id(found->version.external_key), found->expires_at);
    if (found->fresh) co_return Result<Lease>(std::move(lease));
    if (found->bridging) {
      if (found->ask_again) ask_again(compartment, id, found->version);
      co_return Result<Lease>(std::move(lease));
    }
    auto outcome = co_await renew_once(compartment, id, found->version, deadline);
    bool could_not_ask = !outcome || (!*outcome && unreachable(outcome->error()));
    if (could_not_ask) {
      found = find(compartment, id);
      if (found) co_return Result<Lease>(lease_of(found->key, lease.external_key_id, found->expires_at));
      if (!outcome) co_return Result<Lease>(too_late());
      co_return outcome;
    }
    if (!*outcome && refused(outcome->error())) co_return outcome;
    // Renewed; or the one who asked for all of us had a data key of its own that is damaged: ask with ours.
  }
  co_return std::nullopt;
}

// One unwrap for all who wait on this version of this key. Nothing where the deadline came first.
Task<std::optional<Result<Lease>>> Keyring::Impl::renew_once(Compartment compartment, RawId id, KeyVersionId version,
                                                             Deadline deadline) {
  LeaseFlight flight = [self = shared_from_this(), compartment = std::move(compartment), id,
                        version = std::move(version)] {
    LeaseFlight work = [self, compartment, id] { return self->unwrap_once(compartment, id); };
    return self->renewals_.run(self->executor_, version, kms::guarded(std::move(work)));
  };
  co_return co_await kms::wait_at_most(executor_, deadline - clock_.steady(), std::move(flight));
}

// While an outage is bridged, requests do not wait for the attempts to end it.
void Keyring::Impl::ask_again(Compartment compartment, RawId id, KeyVersionId version) {
  auto attempt = [](std::shared_ptr<Impl> self, Compartment whose, RawId which, KeyVersionId of) -> Task<void> {
    (void)co_await self->renew_once(std::move(whose), which, std::move(of), self->kms_deadline());
  };
  boost::asio::co_spawn(executor_, attempt(shared_from_this(), std::move(compartment), id, std::move(version)),
                        boost::asio::detached);
}

Task<Result<Lease>> Keyring::Impl::wait(LeaseFlight flight, Deadline deadline) {
  auto outcome = co_await kms::wait_at_most(executor_, deadline - clock_.steady(), std::move(flight));
  if (outcome) co_return std::move(*outcome);
  co_return too_late();
}

Task<Result<Lease>> Keyring::Impl::unwrap_once(Compartment compartment, RawId id) {
  auto self = shared_from_this();
  LeaseId key{compartment.id, id};
  LeaseFlight work = [self, compartment = std::move(compartment), id] {
    return self->read_and_unwrap(compartment, id);
  };
  co_return co_await unwraps_.run(executor_, key, kms::guarded(std::move(work)));
}

Task<Result<Lease>> Keyring::Impl::read_and_unwrap(Compartment compartment, RawId id) {
  // A flight that began while the one before it was landing finds that one's lease.
  if (auto found = find(compartment, id); found && found->fresh) {
    co_return lease_of(found->key, external_id(found->version.external_key), found->expires_at);
  }
  auto work = [workspace = compartment.id, id](store::Transaction& tx) { return tx.find_data_key(workspace, id); };
  LATCHKEY_CO_TRY(auto row, co_await store_.read(std::move(work)));
  if (!row) {
    table_.erase({compartment.id, id});
    co_return Error{ErrorCode::NotFound,
                    fmt::format("workspace {} has no data key {}: the data was encrypted elsewhere",
                                compartment.workspace_id, format_id(id_prefix::kDataKey, id))};
  }
  co_return co_await unwrap(std::move(compartment), std::move(*row));
}

Task<Result<Lease>> Keyring::Impl::unwrap(Compartment compartment, store::DataKey row) {
  LeaseId id{compartment.id, row.id};
  KeyVersionId version{external_of(row.external_key_id), row.key_version};
  if (row.external_key_id && row.external_key_id != compartment.external_key_id) {
    table_.erase(id);
    co_return integrity_alarm(
        compartment, row.id,
        Error{ErrorCode::Corrupt, fmt::format("data key {} is recorded under {}, which is not the workspace's key",
                                              format_id(id_prefix::kDataKey, row.id), *row.external_key_id)});
  }
  for (int attempt = 0; attempt < kMostTries; ++attempt) {
    if (auto refusal = table_.refusal(version, clock_.steady())) co_return *refusal;
    auto ticket = table_.begin(version, clock_.steady());
    auto key = co_await ask(compartment, row, ticket);
    if (!key) {
      if (!unreachable(key.error())) table_.erase(id);
      co_return key.error();
    }
    auto shared = std::make_shared<const envelope::DataKey>(std::move(key).value());
    if (auto end = table_.insert(ticket, id, shared, clock_.steady())) {
      co_return lease_of(shared, row.external_key_id, *end);
    }
  }
  co_return Error{ErrorCode::KeyUnreachable,
                  "the workspace's encryption key was changed again and again while it was asked. Try again shortly",
                  std::string(kms::reason::kTimedOut)};
}

Task<Result<envelope::DataKey>> Keyring::Impl::ask(Compartment compartment, store::DataKey row,
                                                   LeaseTable::Ticket ticket) {
  // From before a key was attached: the platform's own.
  kms::KeyLocation location = row.external_key_id ? compartment.key : kms::KeyLocation(kms::LocalKey{});
  kms::WrappedKey wrapped{row.key_version, row.wrapped};
  auto payload = co_await provider_.unwrap(location, wrapped, kms_deadline());
  if (!payload) {
    auto error = note_failure(ticket, payload.error());
    if (error.code == ErrorCode::Corrupt) co_return integrity_alarm(compartment, row.id, std::move(error));
    co_return error;
  }
  envelope::DataKeyBinding binding{compartment.organization, compartment.id, row.id};
  auto key = envelope::open_wrap_payload(binding, payload.value());
  if (!key) co_return integrity_alarm(compartment, row.id, key.error());
  co_return key;
}

Task<Result<Lease>> Keyring::Impl::find_or_make(Compartment compartment) {
  auto external = external_of(compartment.external_key_id);
  auto read_at = clock_.steady();
  auto work = [workspace = compartment.id, external_key = compartment.external_key_id](store::Transaction& tx) {
    return tx.find_active_data_key(workspace, external_key);
  };
  LATCHKEY_CO_TRY(auto row, co_await store_.read(std::move(work)));
  auto place = compartment.id;
  if (!row) {
    LATCHKEY_CO_TRY(auto lease, co_await make(std::move(compartment)));
    table_.set_active(place, external, lease.key->id(), read_at);
    co_return lease;
  }
  auto id = row->id;
  // Not unwrapped straight away: a lease that bridges an outage serves writes as it serves reads.
  LATCHKEY_CO_TRY(auto lease, co_await for_decryption(std::move(compartment), id, kms_deadline()));
  table_.set_active(place, external, id, read_at);
  co_return lease;
}

Task<Result<Lease>> Keyring::Impl::make(Compartment compartment) {
  auto external = external_of(compartment.external_key_id);
  if (auto refusal = table_.wrapping_refusal(external, clock_.steady())) co_return *refusal;
  LATCHKEY_CO_TRY(auto proven, co_await wrap_and_prove(compartment));
  auto work = [row = proven.row](store::Transaction& tx) { return tx.insert_active_data_key(row); };
  LATCHKEY_CO_TRY(auto active, co_await store_.write(std::move(work)));
  if (active.id == proven.row.id) {
    LeaseId id{compartment.id, active.id};
    if (auto end = table_.insert(proven.ticket, id, proven.key, clock_.steady())) {
      co_return lease_of(proven.key, active.external_key_id, *end);
    }
  }
  // Another node was first, or the leases were evicted while we wrote: its row is one like any other.
  co_return co_await unwrap_once(std::move(compartment), active.id);
}

// A new data key, wrapped and unwrapped again: that it was wrapped proves nothing, as a disabled key may still wrap.
Task<Result<Keyring::Impl::Proven>> Keyring::Impl::wrap_and_prove(Compartment compartment) {
  auto external = external_of(compartment.external_key_id);
  auto id = make_raw_id(random_);
  auto material = crypto::SecretBytes::random(envelope::kDataKeySize, random_);
  LATCHKEY_CO_TRY(auto made, envelope::DataKey::create(id, std::move(material)));
  envelope::DataKeyBinding binding{compartment.organization, compartment.id, id};
  auto payload = envelope::make_wrap_payload(binding, made);
  auto wrapped = co_await provider_.wrap(compartment.key, payload, kms_deadline());
  if (!wrapped) co_return note_wrapping_failure(external, wrapped.error());
  store::DataKey row{id,
                     compartment.organization,
                     compartment.id,
                     compartment.external_key_id,
                     std::move(wrapped.value().key_version),
                     std::move(wrapped.value().ciphertext),
                     store::DataKeyState::Active,
                     clock_.now()};
  auto ticket = table_.begin({external, row.key_version}, clock_.steady());
  auto returned = co_await ask(compartment, row, ticket);
  if (!returned) {
    if (refused(returned.error())) table_.refuse_wrapping(external, returned.error(), clock_.steady());
    co_return returned.error();
  }
  if (!crypto::equal_constant_time(made.material(), returned.value().material())) {
    co_return integrity_alarm(
        compartment, id,
        Error{ErrorCode::Corrupt,
              "what the workspace's key wrapped did not come back the same when it was unwrapped: "
              "nothing was encrypted. Validate the key",
              std::string(kms::reason::kRoundTripMismatch)});
  }
  co_return Proven{std::move(row), std::make_shared<const envelope::DataKey>(std::move(returned).value()),
                   std::move(ticket)};
}

Error Keyring::Impl::note_failure(const LeaseTable::Ticket& ticket, Error error) {
  if (refused(error)) {
    table_.refuse(ticket, error, clock_.steady());
    spdlog::warn("{} refuses: its leases are dropped: {}",
                 ticket.version.external_key.empty() ? "the platform's root key" : ticket.version.external_key,
                 describe(error));
  } else if (unreachable(error)) {
    table_.miss(ticket, clock_.steady());
  }
  return error;
}

Error Keyring::Impl::note_wrapping_failure(const std::string& external_key, Error error) {
  if (!refused(error)) return error;
  if (!concerns_wrapping_alone(error)) table_.evict(external_key);
  table_.refuse_wrapping(external_key, error, clock_.steady());
  return error;
}

Keyring::Keyring(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
                 boost::asio::any_io_executor executor, KeyringSettings settings)
    : impl_(std::make_shared<Impl>(store, provider, clock, random, std::move(executor), settings)) {}

Keyring::~Keyring() = default;

Task<Result<Lease>> Keyring::for_encryption(Compartment compartment, Deadline deadline) {
  return impl_->for_encryption(std::move(compartment), deadline);
}

Task<Result<Lease>> Keyring::for_decryption(Compartment compartment, RawId data_key_id, Deadline deadline) {
  return impl_->for_decryption(std::move(compartment), data_key_id, deadline);
}

void Keyring::evict(const std::string& external_key_id) {
  impl_->evict(external_key_id);
}

void Keyring::wipe_expired() {
  impl_->wipe_expired();
}

std::size_t Keyring::size() const {
  return impl_->size();
}

}  // namespace latchkey::keyring
