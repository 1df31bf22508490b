#include "keyring/lease_table.hpp"

#include <algorithm>
#include <iterator>

#include "kms/key_errors.hpp"

namespace latchkey::keyring {

namespace {

// When take_due considers a version again that is due and that nobody can ask yet.
constexpr std::chrono::seconds kLookAgain{1};
constexpr std::chrono::seconds kSweepPeriod{1};
// Which lease was used last is known this well. To move one costs three places in memory, which among many thousand
// leases take longer to reach than all else that finding one does.
constexpr std::chrono::seconds kMovePeriod{10};

}  // namespace

std::optional<LeaseTable::Found> LeaseTable::find(const LeaseId& id, const LeaseAges& ages, AgeTime now) {
  MutexLock lock(mutex_);
  return find_lease(id, ages, now, nullptr);
}

std::optional<LeaseTable::Found> LeaseTable::find_active(const Compartment& compartment, const LeaseAges& ages,
                                                         AgeTime now) {
  MutexLock lock(mutex_);
  const auto* active = hint(compartment, ages, now);
  if (active == nullptr) return std::nullopt;
  compartment.footprint.note(Footprint::kActive, active);
  return find_lease({compartment.id, active->data_key}, ages, now, &compartment.footprint);
}

std::optional<LeaseTable::Found> LeaseTable::find_lease(const LeaseId& id, const LeaseAges& ages, AgeTime now,
                                                        const Footprint* footprint) {
  auto& by_id = leases_.get<ById>();
  auto lease = by_id.find(id);
  if (lease == by_id.end()) return std::nullopt;
  auto& state = lease->version->state;
  auto use = state.use(ages, now);
  if (use == LeaseUse::Gone) {
    by_id.erase(lease);
    return std::nullopt;
  }
  state.used = true;
  if (now - lease->moved_at >= kMovePeriod) {
    lease->moved_at = now;
    auto& by_use = leases_.get<ByUse>();
    by_use.relocate(by_use.begin(), leases_.project<ByUse>(lease));
  }
  if (footprint != nullptr) {
    footprint->note(Footprint::kLease, &*lease);
    footprint->note(Footprint::kDataKey, lease->key.get());
    footprint->note(Footprint::kKeyMaterial, lease->key->material().data());
    footprint->note(Footprint::kKeySchedule, lease->key->schedule().place());
  }
  Found found{lease->key, {lease->version, &lease->version->id}, *state.proven_at, use,
              false,      lease->version->kms_request_id,        lease->dropped};
  // A caller of a stale lease waits, and asks the key itself.
  if (use != LeaseUse::Stale && state.renewal_due(ages, now)) {
    state.begin_renewal(now, settings_.state);
    found.renew = true;
    // A lease whose renewal has just begun in time serves on.
    found.use = state.use(ages, now);
  }
  return found;
}

bool LeaseTable::has(const LeaseId& id, const LeaseAges& ages, AgeTime now) const {
  MutexLock lock(mutex_);
  const auto& by_id = leases_.get<ById>();
  auto lease = by_id.find(id);
  return lease != by_id.end() && lease->version->state.use(ages, now) != LeaseUse::Gone;
}

LeaseTable::UnwrapAttempt LeaseTable::begin(KeyVersionId id, AgeTime now) {
  MutexLock lock(mutex_);
  version(id)->state.asked_at = now;
  const auto& known = external(id.external_key);
  return {std::move(id), known.epoch, now, known.dropped};
}

std::uint64_t LeaseTable::epoch(const std::string& external_key) {
  MutexLock lock(mutex_);
  return external(external_key).epoch;
}

std::optional<AgeTime> LeaseTable::insert(const UnwrapAttempt& attempt, const Compartment& compartment,
                                          const LeaseAges& ages, std::shared_ptr<const envelope::DataKey> key,
                                          std::shared_ptr<const std::string> kms_request_id) {
  MutexLock lock(mutex_);
  if (!valid(attempt)) return std::nullopt;
  auto proven = version(attempt.version);
  // Where the response to a later request came first, this one proves nothing new.
  const auto& known = proven->state.proven_at;
  if (!known || *known <= attempt.begun) proven->kms_request_id = std::move(kms_request_id);
  proven->state.record_success(attempt.begun, ages, settings_.phase());
  proven->renewal_target = RenewalTarget{compartment, key->id()};
  schedule(proven, proven->state.renew_at);
  LeaseId id{compartment.id, key->id()};
  leases_.get<ById>().erase(id);
  if (destroyed_.contains(id)) return proven->state.proven_at;
  auto& by_use = leases_.get<ByUse>();
  by_use.push_front(Lease{id, attempt.version.external_key, proven, std::move(key), attempt.dropped});
  while (by_use.size() > std::max<std::size_t>(settings_.max_leases, 1)) by_use.pop_back();
  return proven->state.proven_at;
}

void LeaseTable::record_refusal(const UnwrapAttempt& attempt, const Compartment& compartment, const RawId& data_key,
                                const Error& error, AgeTime now) {
  MutexLock lock(mutex_);
  // A refusal counts even where the attempt is void: that costs one more request to the key at most.
  drop(attempt.version.external_key);
  for (auto& [name, other] : external(attempt.version.external_key).versions) other->state.proven_at.reset();
  auto refused = version(attempt.version);
  refused->state.record_refusal(error, now, settings_.state);
  refused->renewal_target = RenewalTarget{compartment, data_key};
  schedule(refused, refused->state.refusal.next_try());
}

void LeaseTable::record_outage(const UnwrapAttempt& attempt, const Error& error, AgeTime now) {
  MutexLock lock(mutex_);
  if (!valid(attempt)) return;
  auto known = version(attempt.version);
  known->state.record_outage(error, now, settings_.state);
  schedule(known, known->state.outage.next_try());
}

bool LeaseTable::is_proven(const KeyVersionId& id) const {
  MutexLock lock(mutex_);
  auto known = find_version(id);
  return known && known->state.proven_at;
}

std::optional<Error> LeaseTable::cached_failure(const KeyVersionId& id, AgeTime now) {
  MutexLock lock(mutex_);
  auto known = find_version(id);
  return known ? known->state.cached_failure(now) : std::nullopt;
}

void LeaseTable::note_wrapping(const std::string& external_key, const Error& error, AgeTime now) {
  MutexLock lock(mutex_);
  const auto& backoff = kms::is_refusal(error) ? settings_.state.refusals : settings_.state.outages;
  external(external_key).wrapping.note(error, now, backoff);
}

void LeaseTable::clear_wrapping(const std::string& external_key) {
  MutexLock lock(mutex_);
  auto found = externals_.find(external_key);
  if (found != externals_.end()) found->second.wrapping.clear();
}

std::optional<Error> LeaseTable::cached_wrapping_failure(const std::string& external_key, AgeTime now) {
  MutexLock lock(mutex_);
  auto found = externals_.find(external_key);
  if (found == externals_.end()) return std::nullopt;
  auto& wrapping = found->second.wrapping;
  return wrapping && !wrapping.take_try(now) ? std::optional(wrapping.error()) : std::nullopt;
}

std::vector<LeaseTable::Due> LeaseTable::take_due(const LeaseAges& default_ages, std::size_t most, AgeTime now) {
  MutexLock lock(mutex_);
  std::vector<Due> due;
  while (due.size() < most && !schedule_.empty() && schedule_.begin()->first <= now) {
    auto version = schedule_.begin()->second.lock();
    schedule_.erase(schedule_.begin());
    if (!version) continue;
    version->scheduled_at.reset();
    if (!version->renewal_target) continue;
    auto& state = version->state;
    const auto& [compartment, data_key] = *version->renewal_target;
    bool renewal = state.used && state.renewal_due(compartment.ages.value_or(default_ages), now);
    if (renewal || state.probe_due(now)) {
      state.begin_renewal(now, settings_.state);
      due.push_back({version->id, compartment, data_key});
    } else if (state.refusal) {
      schedule(version, std::max(state.refusal.next_try(), now + kLookAgain));
    } else if (state.used && state.outage) {
      schedule(version, std::max(state.outage.next_try(), now + kLookAgain));
    }
    // A request for an idle key asks the key itself.
  }
  return due;
}

void LeaseTable::schedule(const std::shared_ptr<Version>& version, AgeTime when) {
  auto& next = version->scheduled_at;
  if (next && *next <= when) return;
  next = when;
  schedule_.emplace(when, version);
}

void LeaseTable::end_renewal(const KeyVersionId& id) {
  MutexLock lock(mutex_);
  auto known = find_version(id);
  if (!known) return;
  known->state.renewing_since.reset();
  schedule(known, known->state.not_before);
}

const LeaseTable::Hint* LeaseTable::hint(const Compartment& compartment, const LeaseAges& ages, AgeTime now) {
  auto found = active_.find(compartment.id);
  if (found == active_.end() || found->second.external_key_id != compartment.external_key_id) return nullptr;
  if (now - found->second.read_at < ages.soft) return &found->second;
  active_.erase(found);
  return nullptr;
}

std::optional<RawId> LeaseTable::active(const Compartment& compartment, const LeaseAges& ages, AgeTime now) {
  MutexLock lock(mutex_);
  const auto* active = hint(compartment, ages, now);
  return active == nullptr ? std::nullopt : std::optional(active->data_key);
}

void LeaseTable::set_active(const Compartment& compartment, const RawId& data_key, AgeTime now) {
  MutexLock lock(mutex_);
  // Hints are cheap to find again.
  if (active_.size() >= std::max<std::size_t>(settings_.max_leases, 1)) active_.clear();
  active_.insert_or_assign(compartment.id, Hint{data_key, now, compartment.external_key_id});
}

void LeaseTable::erase(const LeaseId& id) {
  MutexLock lock(mutex_);
  leases_.get<ById>().erase(id);
}

void LeaseTable::destroy(const LeaseId& id) {
  MutexLock lock(mutex_);
  destroyed_.insert(id);
  any_destroyed_ = true;
  leases_.get<ById>().erase(id);
}

bool LeaseTable::is_destroyed(const LeaseId& id) const {
  // Each use of a lease calls this, and the set is nearly always empty.
  if (!any_destroyed_) return false;
  MutexLock lock(mutex_);
  return destroyed_.contains(id);
}

void LeaseTable::wipe_expired(const LeaseAges& default_ages, AgeTime now) {
  MutexLock lock(mutex_);
  if (wiped_at_ && now - *wiped_at_ < kSweepPeriod) return;
  wiped_at_ = now;
  auto ages_of = [&](const Version& version) {
    return version.renewal_target ? version.renewal_target->compartment.ages.value_or(default_ages) : default_ages;
  };
  auto is_gone = [&](const Version& version) { return version.state.use(ages_of(version), now) == LeaseUse::Gone; };
  // There are many more leases than versions: this goes through them only where a version that has some is gone.
  bool any_gone = std::ranges::any_of(externals_, [&](const auto& external) {
    return std::ranges::any_of(external.second.versions, [&](const auto& known) {
      return known.second.use_count() > 1 && is_gone(*known.second);
    });
  });
  if (any_gone) leases_.get<ByUse>().remove_if([&](const Lease& lease) { return is_gone(*lease.version); });
  for (auto entry = externals_.begin(); entry != externals_.end();) {
    auto& external = entry->second;
    std::erase_if(external.versions, [&](const auto& known) {
      const auto& state = known.second->state;
      auto ages = ages_of(*known.second);
      // A version that a caller asked lately stays: the response may be under way.
      return state.use(ages, now) == LeaseUse::Gone && now - state.asked_at >= ages.hard;
    });
    bool wrapping = external.wrapping && now < external.wrapping.next_try();
    entry = external.versions.empty() && !wrapping ? externals_.erase(entry) : std::next(entry);
  }
}

void LeaseTable::evict(const std::string& external_key) {
  MutexLock lock(mutex_);
  drop(external_key);
  externals_.erase(external_key);
}

std::size_t LeaseTable::size() const {
  MutexLock lock(mutex_);
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

bool LeaseTable::valid(const UnwrapAttempt& attempt) {
  auto found = externals_.find(attempt.version.external_key);
  return found != externals_.end() && found->second.epoch == attempt.epoch;
}

void LeaseTable::drop(const std::string& external_key) {
  leases_.get<ByExternalKey>().erase(external_key);
  auto& known = external(external_key);
  known.epoch = next_epoch_++;
  known.dropped->store(true);
  known.dropped = std::make_shared<std::atomic<bool>>(false);
}

}  // namespace latchkey::keyring
