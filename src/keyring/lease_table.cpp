#include "keyring/lease_table.hpp"

#include <algorithm>
#include <cstring>

namespace latchkey::keyring {

std::size_t LeaseTable::HashLeaseId::operator()(const LeaseId& id) const {
  // Both are random and only what the store knows gets in, so their bytes are hash enough.
  std::size_t compartment = 0;
  std::size_t data_key = 0;
  std::memcpy(&compartment, id.compartment.data, sizeof(compartment));
  std::memcpy(&data_key, id.data_key.data(), sizeof(data_key));
  return compartment ^ (data_key * 31);
}

std::optional<LeaseTable::Found> LeaseTable::find(const LeaseId& id, SteadyTime now) {
  std::lock_guard lock(mutex_);
  auto& by_id = leases_.get<ById>();
  auto lease = by_id.find(id);
  if (lease == by_id.end()) return std::nullopt;
  const auto& version = *lease->version;
  if (!version.proven_at || now - *version.proven_at >= settings_.hard) {
    by_id.erase(lease);
    return std::nullopt;
  }
  auto& by_use = leases_.get<ByUse>();
  by_use.relocate(by_use.begin(), leases_.project<ByUse>(lease));
  Found found{lease->key, version.id, *version.proven_at + settings_.hard};
  found.fresh = now - *version.proven_at < settings_.soft;
  if (!found.fresh && version.missed_at) {
    found.bridging = now - *version.missed_at < settings_.soft;
    found.ask_again = now - *version.missed_at >= settings_.memory;
  }
  return found;
}

LeaseTable::Ticket LeaseTable::begin(KeyVersionId id, SteadyTime now) {
  std::lock_guard lock(mutex_);
  version(id)->asked_at = now;
  auto epoch = external(id.external_key).epoch;
  return {std::move(id), epoch, now};
}

bool LeaseTable::prove(const Ticket& ticket) {
  std::lock_guard lock(mutex_);
  if (!valid(ticket)) return false;
  prove_at(*version(ticket.version), ticket.begun);
  return true;
}

std::optional<SteadyTime> LeaseTable::insert(const Ticket& ticket, const LeaseId& id,
                                             std::shared_ptr<const envelope::DataKey> key, SteadyTime now) {
  std::lock_guard lock(mutex_);
  if (!valid(ticket)) return std::nullopt;
  auto proven = version(ticket.version);
  prove_at(*proven, ticket.begun);
  sweep(now);
  leases_.get<ById>().erase(id);
  auto& by_use = leases_.get<ByUse>();
  by_use.push_front(Lease{id, ticket.version.external_key, proven, std::move(key)});
  while (by_use.size() > std::max<std::size_t>(settings_.max_leases, 1)) by_use.pop_back();
  return *proven->proven_at + settings_.hard;
}

void LeaseTable::refuse(const Ticket& ticket, const Error& error, SteadyTime now) {
  std::lock_guard lock(mutex_);
  // A refusal counts even where the question was old: what it costs is one more question.
  drop(ticket.version.external_key);
  auto refused = version(ticket.version);
  refused->proven_at.reset();
  refused->missed_at.reset();
  refused->refusal = Refusal{error, now + settings_.memory};
}

void LeaseTable::miss(const Ticket& ticket, SteadyTime now) {
  std::lock_guard lock(mutex_);
  if (valid(ticket)) version(ticket.version)->missed_at = now;
}

std::optional<Error> LeaseTable::refusal(const KeyVersionId& id, SteadyTime now) {
  std::lock_guard lock(mutex_);
  auto found = externals_.find(id.external_key);
  if (found == externals_.end()) return std::nullopt;
  auto known = found->second.versions.find(id.version);
  if (known == found->second.versions.end()) return std::nullopt;
  auto& refusal = known->second->refusal;
  if (refusal && now >= refusal->until) refusal.reset();
  return refusal ? std::optional(refusal->error) : std::nullopt;
}

void LeaseTable::refuse_wrapping(const std::string& external_key, const Error& error, SteadyTime now) {
  std::lock_guard lock(mutex_);
  external(external_key).wrapping_refusal = Refusal{error, now + settings_.memory};
}

std::optional<Error> LeaseTable::wrapping_refusal(const std::string& external_key, SteadyTime now) {
  std::lock_guard lock(mutex_);
  auto found = externals_.find(external_key);
  if (found == externals_.end()) return std::nullopt;
  auto& refusal = found->second.wrapping_refusal;
  if (refusal && now >= refusal->until) refusal.reset();
  return refusal ? std::optional(refusal->error) : std::nullopt;
}

std::optional<RawId> LeaseTable::active(const Uuid& compartment, const std::string& external_key, SteadyTime now) {
  std::lock_guard lock(mutex_);
  auto found = active_.find({compartment, external_key});
  if (found == active_.end()) return std::nullopt;
  if (now - found->second.read_at < settings_.soft) return found->second.data_key;
  active_.erase(found);
  return std::nullopt;
}

void LeaseTable::set_active(const Uuid& compartment, const std::string& external_key, const RawId& data_key,
                            SteadyTime now) {
  std::lock_guard lock(mutex_);
  // Hints are cheap to find again.
  if (active_.size() >= std::max<std::size_t>(settings_.max_leases, 1)) active_.clear();
  active_.insert_or_assign({compartment, external_key}, Hint{data_key, now});
}

void LeaseTable::wipe_expired(SteadyTime now) {
  std::lock_guard lock(mutex_);
  sweep(now);
}

void LeaseTable::erase(const LeaseId& id) {
  std::lock_guard lock(mutex_);
  leases_.get<ById>().erase(id);
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
  if (found.epoch == 0) found.epoch = next_epoch_++;
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

bool LeaseTable::valid(const Ticket& ticket) {
  auto found = externals_.find(ticket.version.external_key);
  return found != externals_.end() && found->second.epoch == ticket.epoch;
}

void LeaseTable::drop(const std::string& external_key) {
  leases_.get<ByExternalKey>().erase(external_key);
  external(external_key).epoch = next_epoch_++;
}

void LeaseTable::prove_at(Version& version, SteadyTime when) const {
  version.proven_at = std::max(version.proven_at.value_or(when), when);
  version.missed_at.reset();
  version.refusal.reset();
}

void LeaseTable::sweep(SteadyTime now) {
  if (swept_at_ && now - *swept_at_ < settings_.soft) return;
  swept_at_ = now;
  auto past_hard = [&](const Version& version) {
    return !version.proven_at || now - *version.proven_at >= settings_.hard;
  };
  auto& by_use = leases_.get<ByUse>();
  by_use.remove_if([&](const Lease& lease) { return past_hard(*lease.version); });
  // What was asked lately is kept: its answer may be on the way.
  for (auto entry = externals_.begin(); entry != externals_.end();) {
    auto& state = entry->second;
    std::erase_if(state.versions, [&](const auto& known) {
      return past_hard(*known.second) && now - known.second->asked_at >= settings_.hard;
    });
    bool wrapping_refused = state.wrapping_refusal && now < state.wrapping_refusal->until;
    entry = state.versions.empty() && !wrapping_refused ? externals_.erase(entry) : std::next(entry);
  }
}

}  // namespace latchkey::keyring
