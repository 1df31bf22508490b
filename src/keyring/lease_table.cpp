#include "keyring/lease_table.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "kms/key_errors.hpp"

namespace latchkey::keyring {

namespace {

// A version that is due and cannot be asked yet.
constexpr std::chrono::seconds kLookAgain{1};
constexpr std::chrono::seconds kSweepPeriod{1};

}  // namespace

std::size_t LeaseTable::HashLeaseId::operator()(const LeaseId& id) const {
  // Both are random and only what the store knows gets in, so their bytes are hash enough.
  std::size_t compartment = 0;
  std::size_t data_key = 0;
  std::memcpy(&compartment, id.compartment.data, sizeof(compartment));
  std::memcpy(&data_key, id.data_key.data(), sizeof(data_key));
  return compartment ^ (data_key * 31);
}

std::optional<LeaseTable::Found> LeaseTable::find(const LeaseId& id, const LeaseAges& ages, AgeTime now) {
  std::lock_guard lock(mutex_);
  auto& by_id = leases_.get<ById>();
  auto lease = by_id.find(id);
  if (lease == by_id.end()) return std::nullopt;
  auto& standing = lease->version->standing;
  auto use = standing.use(ages, now);
  if (use == LeaseUse::Gone) {
    by_id.erase(lease);
    return std::nullopt;
  }
  standing.used = true;
  auto& by_use = leases_.get<ByUse>();
  by_use.relocate(by_use.begin(), leases_.project<ByUse>(lease));
  Found found{lease->key, {lease->version, &lease->version->id}, *standing.proven_at, use,
              false,      lease->version->kms_request_id,        lease->dropped};
  // Who has to wait asks by itself.
  if (use != LeaseUse::Stale && standing.renewal_due(ages, now)) {
    standing.begin_renewal(now, settings_.standing);
    found.renew = true;
    // Before its time is out, a lease whose renewal has just begun is used on.
    found.use = standing.use(ages, now);
  }
  return found;
}

bool LeaseTable::has(const LeaseId& id, const LeaseAges& ages, AgeTime now) const {
  std::lock_guard lock(mutex_);
  const auto& by_id = leases_.get<ById>();
  auto lease = by_id.find(id);
  return lease != by_id.end() && lease->version->standing.use(ages, now) != LeaseUse::Gone;
}

LeaseTable::Ticket LeaseTable::begin(KeyVersionId id, AgeTime now) {
  std::lock_guard lock(mutex_);
  version(id)->standing.asked_at = now;
  const auto& known = external(id.external_key);
  return {std::move(id), known.epoch, now, known.dropped};
}

std::uint64_t LeaseTable::epoch(const std::string& external_key) {
  std::lock_guard lock(mutex_);
  return external(external_key).epoch;
}

std::optional<AgeTime> LeaseTable::insert(const Ticket& ticket, const Compartment& compartment, const LeaseAges& ages,
                                          std::shared_ptr<const envelope::DataKey> key,
                                          std::shared_ptr<const std::string> kms_request_id) {
  std::lock_guard lock(mutex_);
  if (!valid(ticket)) return std::nullopt;
  auto proven = version(ticket.version);
  // An answer that a later question's has overtaken proves nothing new.
  const auto& known = proven->standing.proven_at;
  if (!known || *known <= ticket.begun) proven->kms_request_id = std::move(kms_request_id);
  proven->standing.prove(ticket.begun, ages, settings_.phase());
  proven->witness = Witness{compartment, key->id()};
  look_at(proven, proven->standing.renew_at);
  LeaseId id{compartment.id, key->id()};
  leases_.get<ById>().erase(id);
  if (destroyed_.contains(id)) return proven->standing.proven_at;
  auto& by_use = leases_.get<ByUse>();
  by_use.push_front(Lease{id, ticket.version.external_key, proven, std::move(key), ticket.dropped});
  while (by_use.size() > std::max<std::size_t>(settings_.max_leases, 1)) by_use.pop_back();
  return proven->standing.proven_at;
}

void LeaseTable::refuse(const Ticket& ticket, const Compartment& compartment, const RawId& data_key, const Error& error,
                        AgeTime now) {
  std::lock_guard lock(mutex_);
  // A refusal counts even where the question was old: what it costs is one more question.
  drop(ticket.version.external_key);
  for (auto& [name, other] : external(ticket.version.external_key).versions) other->standing.proven_at.reset();
  auto refused = version(ticket.version);
  refused->standing.refuse(error, now, settings_.standing);
  refused->witness = Witness{compartment, data_key};
  look_at(refused, refused->standing.refusal.next_try());
}

void LeaseTable::miss(const Ticket& ticket, const Error& error, AgeTime now) {
  std::lock_guard lock(mutex_);
  if (!valid(ticket)) return;
  auto missed = version(ticket.version);
  missed->standing.miss(error, now, settings_.standing);
  look_at(missed, missed->standing.outage.next_try());
}

bool LeaseTable::is_proven(const KeyVersionId& id) const {
  std::lock_guard lock(mutex_);
  auto known = find_version(id);
  return known && known->standing.proven_at;
}

std::optional<Error> LeaseTable::obstacle(const KeyVersionId& id, AgeTime now) {
  std::lock_guard lock(mutex_);
  auto known = find_version(id);
  return known ? known->standing.obstacle(now) : std::nullopt;
}

void LeaseTable::note_wrapping(const std::string& external_key, const Error& error, AgeTime now) {
  std::lock_guard lock(mutex_);
  const auto& backoff = kms::is_refusal(error) ? settings_.standing.refusals : settings_.standing.outages;
  external(external_key).wrapping.note(error, now, backoff);
}

void LeaseTable::clear_wrapping(const std::string& external_key) {
  std::lock_guard lock(mutex_);
  auto found = externals_.find(external_key);
  if (found != externals_.end()) found->second.wrapping.clear();
}

std::optional<Error> LeaseTable::wrapping_obstacle(const std::string& external_key, AgeTime now) {
  std::lock_guard lock(mutex_);
  auto found = externals_.find(external_key);
  if (found == externals_.end()) return std::nullopt;
  auto& wrapping = found->second.wrapping;
  return wrapping && !wrapping.take_try(now) ? std::optional(wrapping.error()) : std::nullopt;
}

std::vector<LeaseTable::Due> LeaseTable::take_due(const LeaseAges& default_ages, std::size_t most, AgeTime now) {
  std::lock_guard lock(mutex_);
  std::vector<Due> due;
  while (due.size() < most && !agenda_.empty() && agenda_.begin()->first <= now) {
    auto version = agenda_.begin()->second.lock();
    agenda_.erase(agenda_.begin());
    if (!version) continue;
    version->looked_at_next.reset();
    if (!version->witness) continue;
    auto& standing = version->standing;
    const auto& [compartment, data_key] = *version->witness;
    bool renewal = standing.used && standing.renewal_due(compartment.ages.value_or(default_ages), now);
    if (renewal || standing.probe_due(now)) {
      standing.begin_renewal(now, settings_.standing);
      due.push_back({version->id, compartment, data_key});
    } else if (standing.refusal) {
      look_at(version, std::max(standing.refusal.next_try(), now + kLookAgain));
    } else if (standing.used && standing.outage) {
      look_at(version, std::max(standing.outage.next_try(), now + kLookAgain));
    }
    // Who comes to an idle key asks by himself.
  }
  return due;
}

void LeaseTable::look_at(const std::shared_ptr<Version>& version, AgeTime when) {
  auto& next = version->looked_at_next;
  if (next && *next <= when) return;
  next = when;
  agenda_.emplace(when, version);
}

void LeaseTable::end_renewal(const KeyVersionId& id) {
  std::lock_guard lock(mutex_);
  auto known = find_version(id);
  if (!known) return;
  known->standing.renewing_since.reset();
  look_at(known, known->standing.not_before);
}

std::optional<RawId> LeaseTable::active(const Uuid& compartment, const std::string& external_key, const LeaseAges& ages,
                                        AgeTime now) {
  std::lock_guard lock(mutex_);
  auto found = active_.find({compartment, external_key});
  if (found == active_.end()) return std::nullopt;
  if (now - found->second.read_at < ages.soft) return found->second.data_key;
  active_.erase(found);
  return std::nullopt;
}

void LeaseTable::set_active(const Uuid& compartment, const std::string& external_key, const RawId& data_key,
                            AgeTime now) {
  std::lock_guard lock(mutex_);
  // Hints are cheap to find again.
  if (active_.size() >= std::max<std::size_t>(settings_.max_leases, 1)) active_.clear();
  active_.insert_or_assign({compartment, external_key}, Hint{data_key, now});
}

void LeaseTable::erase(const LeaseId& id) {
  std::lock_guard lock(mutex_);
  leases_.get<ById>().erase(id);
}

void LeaseTable::destroy(const LeaseId& id) {
  std::lock_guard lock(mutex_);
  destroyed_.insert(id);
  any_destroyed_ = true;
  leases_.get<ById>().erase(id);
}

bool LeaseTable::is_destroyed(const LeaseId& id) const {
  // Asked at each use of a lease, and nearly always in vain.
  if (!any_destroyed_) return false;
  std::lock_guard lock(mutex_);
  return destroyed_.contains(id);
}

void LeaseTable::wipe_expired(const LeaseAges& default_ages, AgeTime now) {
  std::lock_guard lock(mutex_);
  if (wiped_at_ && now - *wiped_at_ < kSweepPeriod) return;
  wiped_at_ = now;
  auto ages_of = [&](const Version& version) {
    return version.witness ? version.witness->compartment.ages.value_or(default_ages) : default_ages;
  };
  auto is_gone = [&](const Version& version) { return version.standing.use(ages_of(version), now) == LeaseUse::Gone; };
  // Leases are many more than versions, and looked through only where one that holds some has gone.
  bool any_gone = std::ranges::any_of(externals_, [&](const auto& external) {
    return std::ranges::any_of(external.second.versions, [&](const auto& known) {
      return known.second.use_count() > 1 && is_gone(*known.second);
    });
  });
  if (any_gone) leases_.get<ByUse>().remove_if([&](const Lease& lease) { return is_gone(*lease.version); });
  for (auto entry = externals_.begin(); entry != externals_.end();) {
    auto& state = entry->second;
    std::erase_if(state.versions, [&](const auto& known) {
      const auto& standing = known.second->standing;
      auto ages = ages_of(*known.second);
      // What was asked lately is kept: its answer may be on the way.
      return standing.use(ages, now) == LeaseUse::Gone && now - standing.asked_at >= ages.hard;
    });
    bool wrapping = state.wrapping && now < state.wrapping.next_try();
    entry = state.versions.empty() && !wrapping ? externals_.erase(entry) : std::next(entry);
  }
}

void LeaseTable::evict(const std::string& external_key) {
  std::lock_guard lock(mutex_);
  drop(external_key);
  externals_.erase(external_key);
}

std::size_t LeaseTable::size() const {
  std::lock_guard lock(mutex_);
  return leases_.size();
}

LeaseTable::External& LeaseTable::external(const std::string& id) {
  auto& found = externals_[id];
  if (found.epoch == 0) {
    found.epoch = next_epoch_++;
    found.dropped = std::make_shared<std::atomic<bool>>(false);
  }
  return found;
}

std::shared_ptr<LeaseTable::Version> LeaseTable::version(const KeyVersionId& id) {
  auto& found = external(id.external_key).versions[id.version];
  if (!found) {
    found = std::make_shared<Version>();
    found->id = id;
  }
  return found;
}

std::shared_ptr<LeaseTable::Version> LeaseTable::find_version(const KeyVersionId& id) const {
  auto found = externals_.find(id.external_key);
  if (found == externals_.end()) return nullptr;
  auto known = found->second.versions.find(id.version);
  return known == found->second.versions.end() ? nullptr : known->second;
}

bool LeaseTable::valid(const Ticket& ticket) {
  auto found = externals_.find(ticket.version.external_key);
  return found != externals_.end() && found->second.epoch == ticket.epoch;
}

void LeaseTable::drop(const std::string& external_key) {
  leases_.get<ByExternalKey>().erase(external_key);
  auto& known = external(external_key);
  known.epoch = next_epoch_++;
  known.dropped->store(true);
  known.dropped = std::make_shared<std::atomic<bool>>(false);
}

}  // namespace latchkey::keyring
