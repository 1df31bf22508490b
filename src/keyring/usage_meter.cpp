#include "keyring/usage_meter.hpp"

#include <algorithm>

namespace latchkey::keyring {

void UsageMeter::count(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                       const RawId& data_key, const UsageCounts& counts) {
  auto now = clock_.now();
  std::lock_guard lock(mutex_);
  add({compartment.organization, compartment.workspace_id, external_key_id, data_key, counts, now, now});
}

std::vector<Usage> UsageMeter::take() {
  std::map<std::pair<std::string, RawId>, Usage> taken;
  {
    std::lock_guard lock(mutex_);
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

void UsageMeter::add(Usage usage) {
  auto [at, is_new] = usages_.try_emplace({usage.workspace_id, usage.data_key}, usage);
  if (is_new) return;
  auto& known = at->second;
  known.counts.encrypts += usage.counts.encrypts;
  known.counts.decrypts += usage.counts.decrypts;
  known.counts.leases += usage.counts.leases;
  known.from = std::min(known.from, usage.from);
  known.until = std::max(known.until, usage.until);
}

}  // namespace latchkey::keyring
