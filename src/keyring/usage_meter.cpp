#include "keyring/usage_meter.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace latchkey::keyring {

namespace {

std::size_t number_of_this_thread() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t kNumber = next.fetch_add(1, std::memory_order_relaxed);
  return kNumber;
}

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

std::size_t UsageMeter::HashKey::operator()(const RawId& id) const {
  std::size_t hash = 0;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

UsageMeter::Shard& UsageMeter::shard_of_this_thread() {
  return shards_[number_of_this_thread() % kShards];
}

bool UsageMeter::begin(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                       const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id) {
  auto& shard = shard_of_this_thread();
  {
    MutexLock lock(shard.mutex);
    auto entry = shard.entries.find(KeyView{compartment.workspace_id, data_key});
    if (entry != shard.entries.end() && entry->second.is_announced) return false;
  }
  MutexLock lock(mutex_);
  Key key(compartment.workspace_id, data_key);
  auto [known, is_new] = in_use_.try_emplace(key, false);
  if (is_new) beginnings_.push_back(usage_now(compartment, external_key_id, data_key, kms_request_id));
  if (!known->second) return true;
  MutexLock shard_lock(shard.mutex);
  shard.entries[std::move(key)].is_announced = true;
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
  KeyView key{compartment.workspace_id, data_key};
  MutexLock lock(shard.mutex);
  auto at = shard.entries.find(key);
  if (at == shard.entries.end() || !at->second.usage) {
    // Once a minute at most for each thread and data key: the lock that all threads share is no matter then.
    {
      MutexRelease released(shard.mutex);
      make_room_in_totals(Key(compartment.workspace_id, data_key));
    }
    at = shard.entries.try_emplace(Key(compartment.workspace_id, data_key)).first;
  }
  auto& usage = at->second.usage;
  if (!usage) usage = usage_now(compartment, external_key_id, data_key, nullptr);
  add_to(usage->counts, counts);
  usage->until = std::max(usage->until, clock_.now());
  if (kms_request_id) add_request_id(*usage, *kms_request_id);
  add_to(shard.row_counts[data_key], {static_cast<std::int64_t>(counts.encrypts), counts.bytes});
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
        add_to_totals(shard);
        entries.swap(shard.entries);
      }
      for (auto& [key, entry] : entries) {
        if (entry.usage) merge(taken, std::move(*entry.usage));
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

Use UsageMeter::pending(const RawId& data_key) const {
  Use sum;
  for (const auto& shard : shards_) {
    MutexLock lock(shard.mutex);
    auto found = shard.row_counts.find(data_key);
    if (found != shard.row_counts.end()) add_to(sum, found->second);
  }
  return sum;
}

std::vector<store::DataKeyUse> UsageMeter::take_row_counts() {
  std::unordered_map<RawId, Use, HashKey> sums;
  for (auto& shard : shards_) {
    std::unordered_map<RawId, Use, HashKey> counts;
    {
      MutexLock lock(shard.mutex);
      counts.swap(shard.row_counts);
    }
    for (const auto& [id, use] : counts) add_to(sums[id], use);
  }
  std::vector<store::DataKeyUse> taken;
  taken.reserve(sums.size());
  for (const auto& [id, use] : sums) taken.push_back({id, use.records, use.bytes});
  return taken;
}

void UsageMeter::give_back_row_counts(const std::vector<store::DataKeyUse>& taken) {
  auto& shard = shard_of_this_thread();
  MutexLock lock(shard.mutex);
  for (const auto& use : taken) add_to(shard.row_counts[use.id], {use.records, use.bytes});
}

// The first data keys that are used have totals of their own: so this comes with the use, not when it is added up.
void UsageMeter::make_room_in_totals(Key key) {
  MutexLock lock(mutex_);
  if (totals_.size() < kMostUsageTotals) totals_.try_emplace(std::move(key));
}

void UsageMeter::add_to_totals(Shard& shard) {
  for (auto& [key, entry] : shard.entries) {
    if (!entry.usage) continue;
    auto total = totals_.find(key);
    add_to(total == totals_.end() ? other_total_ : total->second, difference(entry.usage->counts, entry.in_totals));
    entry.in_totals = entry.usage->counts;
  }
}

std::vector<UsageTotal> UsageMeter::totals() {
  MutexLock lock(mutex_);
  for (auto& shard : shards_) {
    MutexLock shard_lock(shard.mutex);
    add_to_totals(shard);
  }
  std::vector<UsageTotal> all;
  all.reserve(totals_.size() + 1);
  for (const auto& [key, counts] : totals_) all.push_back({key.first, key.second, counts});
  if (other_total_ != UsageCounts{}) all.push_back({"", std::nullopt, other_total_});
  return all;
}

}  // namespace latchkey::keyring
