#include "keyring/usage_meter.hpp"

#include <algorithm>

#include "base/thread_number.hpp"

namespace latchkey::keyring {

namespace {

void add_to(UsageCounts& sum, const UsageCounts& counts) {
  sum.encrypts += counts.encrypts;
  sum.decrypts += counts.decrypts;
  sum.leases += counts.leases;
  sum.bytes += counts.bytes;
}

UsageCounts difference(const UsageCounts& counts, const UsageCounts& less) {
  return {.encrypts = counts.encrypts - less.encrypts,
          .decrypts = counts.decrypts - less.decrypts,
          .leases = counts.leases - less.leases,
          .bytes = counts.bytes - less.bytes};
}

Use use_of(const UsageCounts& counts) {
  return {static_cast<std::int64_t>(counts.encrypts), counts.bytes};
}

void add_to(Use& sum, const Use& use) {
  sum.records += use.records;
  sum.bytes += use.bytes;
}

void add_request_id(Usage& usage, const std::string& id) {
  auto& ids = usage.kms_request_ids;
  if (ids.size() < kMostRequestIds && std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

// Of two stretches of use, the earlier one's request ids come first.
void merge(Usage& known, Usage more) {
  if (more.from < known.from) std::swap(known, more);
  add_to(known.counts, more.counts);
  known.until = std::max(known.until, more.until);
  for (const auto& id : more.kms_request_ids) add_request_id(known, id);
}

void merge(std::map<std::pair<std::string, RawId>, Usage>& all, Usage usage) {
  std::pair key(usage.workspace_id, usage.data_key);
  auto known = all.find(key);
  if (known != all.end()) return merge(known->second, std::move(usage));
  all.emplace(std::move(key), std::move(usage));
}

}  // namespace

UsageMeter::Shard& UsageMeter::shard_of_this_thread() {
  return shards_[number_of_this_thread() % kShards];
}

UsageMeter::Entry& UsageMeter::entry_of(Shard& shard, const LeaseId& id) {
  auto& entry = shard.entries[id];
  if (!entry) entry = std::make_unique<Entry>();
  return *entry;
}

bool UsageMeter::begin(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                       const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id) {
  auto& shard = shard_of_this_thread();
  LeaseId id{compartment.id, data_key};
  {
    MutexLock lock(shard.mutex);
    auto entry = shard.entries.find(id);
    if (entry != shard.entries.end() && entry->second->is_announced) {
      compartment.footprint.note(Footprint::kUsageEntry, &*entry);
      compartment.footprint.note(Footprint::kUsage, entry->second.get());
      return false;
    }
  }
  MutexLock lock(mutex_);
  auto [known, is_new] = in_use_.try_emplace(Key(compartment.workspace_id, data_key), false);
  if (is_new) beginnings_.push_back(usage_now(compartment, external_key_id, data_key, kms_request_id));
  if (!known->second) return true;
  MutexLock shard_lock(shard.mutex);
  entry_of(shard, id).is_announced = true;
  return false;
}

std::vector<Usage> UsageMeter::take_beginnings() {
  MutexLock lock(mutex_);
  return std::exchange(beginnings_, {});
}

void UsageMeter::confirm_beginnings(const std::vector<Usage>& beginnings) {
  MutexLock lock(mutex_);
  for (const auto& usage : beginnings) {
    auto known = in_use_.find(Key(usage.workspace_id, usage.data_key));
    if (known != in_use_.end()) known->second = true;
  }
}

void UsageMeter::give_back_beginnings(std::vector<Usage> beginnings) {
  MutexLock lock(mutex_);
  for (auto& usage : beginnings) beginnings_.push_back(std::move(usage));
}

Usage UsageMeter::usage_now(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                            const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id) const {
  auto now = clock_.now();
  Usage usage{compartment.organization, compartment.workspace_id, external_key_id, data_key, {}, now, now};
  if (kms_request_id) usage.kms_request_ids.push_back(*kms_request_id);
  return usage;
}

void UsageMeter::record_usage(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                              const RawId& data_key, const UsageCounts& counts,
                              const std::shared_ptr<const std::string>& kms_request_id) {
  auto& shard = shard_of_this_thread();
  LeaseId id{compartment.id, data_key};
  MutexLock lock(shard.mutex);
  auto known = shard.entries.find(id);
  if (known == shard.entries.end() || !known->second->is_used) {
    // Once a minute at most for each thread and data key: the lock that all threads share is no matter then.
    {
      MutexRelease released(shard.mutex);
      make_room_in_totals(Key(compartment.workspace_id, data_key));
    }
    auto& entry = entry_of(shard, id);
    if (!entry.is_used) entry.usage = usage_now(compartment, external_key_id, data_key, nullptr);
    entry.is_used = true;
    known = shard.entries.find(id);
  }
  auto& entry = *known->second;
  add_to(entry.counts, counts);
  entry.until = std::max(entry.until, clock_.now());
  if (kms_request_id && kms_request_id != entry.kms_request_id) {
    add_request_id(entry.usage, *kms_request_id);
    entry.kms_request_id = kms_request_id;
  }
}

std::vector<Usage> UsageMeter::take_usage() {
  std::map<Key, Usage> taken;
  {
    MutexLock lock(mutex_);
    for (auto& usage : std::exchange(given_back_, {})) merge(taken, std::move(usage));
    for (auto& shard : shards_) {
      Entries entries;
      {
        MutexLock shard_lock(shard.mutex);
        entries.swap(shard.entries);
      }
      add_to_totals(entries);
      add_to_row_counts(entries);
      for (auto& [id, entry] : entries) {
        if (!entry->is_used) continue;
        entry->usage.counts = entry->counts;
        entry->usage.until = entry->until;
        merge(taken, std::move(entry->usage));
      }
    }
    std::erase_if(in_use_, [&](const auto& entry) { return entry.second && !taken.contains(entry.first); });
  }
  std::vector<Usage> all;
  all.reserve(taken.size());
  for (auto& [key, usage] : taken) all.push_back(std::move(usage));
  return all;
}

void UsageMeter::give_back_usage(std::vector<Usage> taken) {
  MutexLock lock(mutex_);
  for (auto& usage : taken) given_back_.push_back(std::move(usage));
}

Use UsageMeter::pending(const Compartment& compartment, const RawId& data_key) const {
  MutexLock lock(mutex_);
  Use sum;
  if (auto found = row_counts_.find(data_key); found != row_counts_.end()) sum = found->second;
  for (const auto& shard : shards_) {
    MutexLock shard_lock(shard.mutex);
    auto found = shard.entries.find(LeaseId{compartment.id, data_key});
    if (found == shard.entries.end()) continue;
    const auto& entry = *found->second;
    add_to(sum, use_of(difference(entry.counts, entry.in_row_counts)));
  }
  return sum;
}

std::vector<store::DataKeyUse> UsageMeter::take_row_counts() {
  RowCounts counts;
  {
    MutexLock lock(mutex_);
    for (auto& shard : shards_) {
      MutexLock shard_lock(shard.mutex);
      add_to_row_counts(shard.entries);
    }
    counts.swap(row_counts_);
  }
  std::vector<store::DataKeyUse> taken;
  taken.reserve(counts.size());
  for (const auto& [id, use] : counts) taken.push_back({id, use.records, use.bytes});
  return taken;
}

void UsageMeter::give_back_row_counts(const std::vector<store::DataKeyUse>& taken) {
  MutexLock lock(mutex_);
  for (const auto& use : taken) add_to(row_counts_[use.id], {use.records, use.bytes});
}

// The first data keys that are used have totals of their own: so this comes with the use, not when it is added up.
void UsageMeter::make_room_in_totals(Key key) {
  MutexLock lock(mutex_);
  if (totals_.size() < kMostUsageTotals) totals_.try_emplace(std::move(key));
}

void UsageMeter::add_to_totals(Entries& entries) {
  for (auto& [id, entry] : entries) {
    if (!entry->is_used) continue;
    auto total = totals_.find(Key(entry->usage.workspace_id, id.data_key));
    add_to(total == totals_.end() ? other_total_ : total->second, difference(entry->counts, entry->in_totals));
    entry->in_totals = entry->counts;
  }
}

void UsageMeter::add_to_row_counts(Entries& entries) {
  for (auto& [id, entry] : entries) {
    if (entry->counts == entry->in_row_counts) continue;
    add_to(row_counts_[id.data_key], use_of(difference(entry->counts, entry->in_row_counts)));
    entry->in_row_counts = entry->counts;
  }
}

std::vector<UsageTotal> UsageMeter::totals() {
  MutexLock lock(mutex_);
  for (auto& shard : shards_) {
    MutexLock shard_lock(shard.mutex);
    add_to_totals(shard.entries);
  }
  std::vector<UsageTotal> all;
  all.reserve(totals_.size() + 1);
  for (const auto& [key, counts] : totals_) all.push_back({key.first, key.second, counts});
  if (other_total_ != UsageCounts{}) all.push_back({"", std::nullopt, other_total_});
  return all;
}

}  // namespace latchkey::keyring
