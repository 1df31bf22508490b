#include "clouds/azure/provider/vault_names.hpp"

namespace latchkey::clouds::azure {

namespace {

constexpr std::chrono::minutes kApart{1};
// Two denials with more time between them do not count together. A key that hardly anybody uses is asked for every few
// minutes.
constexpr std::chrono::minutes kTogether{15};
constexpr std::chrono::seconds kBetweenLooks{10};

}  // namespace

void VaultNames::record_response(const std::string& host) {
  MutexLock lock(mutex_);
  auto& by_host = names_.get<ByHost>();
  auto& by_last_response = names_.get<ByLastResponse>();
  auto found = by_host.find(host);
  if (found == by_host.end()) {
    by_last_response.push_front(Name{host, std::nullopt, {}, std::nullopt, false});
    if (names_.size() > most_) by_last_response.pop_back();
    return;
  }
  if (found->first_denied) by_host.replace(found, Name{host, std::nullopt, {}, std::nullopt, false});
  by_last_response.relocate(by_last_response.begin(), names_.project<ByLastResponse>(found));
}

VaultNames::Denial VaultNames::denied(const std::string& host) {
  MutexLock lock(mutex_);
  auto& by_host = names_.get<ByHost>();
  auto found = by_host.find(host);
  if (found == by_host.end()) return Denial::Unproven;
  if (found->gone) return Denial::Gone;
  auto now = clock_.age_time();
  auto name = *found;
  if (!name.first_denied || now - name.last_denied > kTogether) name.first_denied = now;
  name.last_denied = now;
  bool looks =
      now - *name.first_denied >= kApart && (!name.looked_around || now - *name.looked_around >= kBetweenLooks);
  if (looks) name.looked_around = now;
  by_host.replace(found, name);
  return looks ? Denial::LookAround : Denial::Unproven;
}

void VaultNames::others_resolve(const std::string& host) {
  MutexLock lock(mutex_);
  auto& by_host = names_.get<ByHost>();
  auto found = by_host.find(host);
  // The vault may have responded meanwhile.
  if (found == by_host.end() || !found->first_denied) return;
  auto name = *found;
  name.gone = true;
  by_host.replace(found, name);
}

std::vector<std::string> VaultNames::others(const std::string& host, std::size_t most) const {
  MutexLock lock(mutex_);
  std::vector<std::string> hosts;
  for (const auto& name : names_.get<ByLastResponse>()) {
    if (hosts.size() == most) break;
    if (name.host != host && !name.first_denied) hosts.push_back(name.host);
  }
  return hosts;
}

std::size_t VaultNames::size() const {
  MutexLock lock(mutex_);
  return names_.size();
}

}  // namespace latchkey::clouds::azure
