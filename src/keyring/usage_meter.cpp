#include "keyring/usage_meter.hpp"

#include <algorithm>
#include <utility>

namespace latchkey::keyring {

namespace {

void add_to(UsageCounts& sum, const UsageCounts& counts) {
  sum.encrypts += counts.encrypts;
  sum.decrypts += counts.decrypts;
  sum.leases += counts.leases;
}

}  // namespace

bool UsageMeter::begin(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                       const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id) {
  std::lock_guard lock(mutex_);
  auto [known, is_new] = in_use_.try_emplace(Key(compartment.workspace_id, data_key), false);
  if (is_new) beginnings_.push_back(usage_now(compartment, external_key_id, data_key, kms_request_id));
  return !known->second;
}

std::vector<Usage> UsageMeter::take_beginnings() {
  std::lock_guard lock(mutex_);
  return std::exchange(beginnings_, {});
}

void UsageMeter::told(const std::vector<Usage>& beginnings) {
  std::lock_guard lock(mutex_);
  for (const auto& usage : beginnings) {
    auto known = in_use_.find(Key(usage.workspace_id, usage.data_key));
    if (known != in_use_.end()) known->second = true;
  }
}

void UsageMeter::give_back_beginnings(std::vector<Usage> beginnings) {
  std::lock_guard lock(mutex_);
  for (auto& usage : beginnings) beginnings_.push_back(std::move(usage));
}

Usage UsageMeter::usage_now(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                            const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id) const {
  auto now = clock_.now();
  Usage usage{compartment.organization, compartment.workspace_id, external_key_id, data_key, {}, now, now};
  if (kms_request_id) usage.kms_request_ids.push_back(*kms_request_id);
  return usage;
}

void UsageMeter::count(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                       const RawId& data_key, const UsageCounts& counts,
                       const std::shared_ptr<const std::string>& kms_request_id) {
  std::lock_guard lock(mutex_);
  Key key(compartment.workspace_id, data_key);
  bool has_room = totals_.size() < kMostUsageTotals || totals_.contains(key);
  add_to(has_room ? totals_[std::move(key)] : other_total_, counts);
  auto usage = usage_now(compartment, external_key_id, data_key, kms_request_id);
  usage.counts = counts;
  add(std::move(usage));
}

std::vector<Usage> UsageMeter::take() {
  std::map<Key, Usage> taken;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(in_use_, [&](const auto& entry) { return entry.second && !usages_.contains(entry.first); });
    taken.swap(usages_);
  }
  std::vector<Usage> all;
  all.reserve(taken.size());
  for (auto& [key, usage] : taken) all.push_back(std::move(usage));
  return all;
}

void UsageMeter::give_back(std::vector<Usage> taken) {
  std::lock_guard lock(mutex_);
  for (auto& usage : taken) add(std::move(usage));
}

std::vector<UsageTotal> UsageMeter::totals() const {
  std::lock_guard lock(mutex_);
  std::vector<UsageTotal> all;
  all.reserve(totals_.size() + 1);
  for (const auto& [key, counts] : totals_) all.push_back({key.first, key.second, counts});
  if (other_total_ != UsageCounts{}) all.push_back({"", std::nullopt, other_total_});
  return all;
}

void UsageMeter::add(Usage usage) {
  auto [at, is_new] = usages_.try_emplace({usage.workspace_id, usage.data_key}, usage);
  if (is_new) return;
  auto& known = at->second;
  add_to(known.counts, usage.counts);
  known.from = std::min(known.from, usage.from);
  known.until = std::max(known.until, usage.until);
  for (auto& id : usage.kms_request_ids) {
    bool is_new_id = std::ranges::find(known.kms_request_ids, id) == known.kms_request_ids.end();
    if (is_new_id && known.kms_request_ids.size() < kMostRequestIds) known.kms_request_ids.push_back(std::move(id));
  }
}

}  // namespace latchkey::keyring
