#include "clouds/azure/emulator/control/faults.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "clouds/azure/emulator/text.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr std::size_t kMostFaults = 1000;

bool fits(const Fault& fault, const FaultSite& site) {
  auto fits_one = [](const std::string& wanted, const std::string& there) {
    return wanted.empty() || same(wanted, there);
  };
  bool has_kid = fault.kind != FaultKind::WrongKid ||
                 std::ranges::any_of(kNamingKeys, [&](auto name) { return same(name, site.operation); });
  return !site.service.empty() && fault.left != 0 && has_kid && fits_one(fault.site.service, site.service) &&
         fits_one(fault.site.vault, site.vault) && fits_one(fault.site.operation, site.operation);
}

}  // namespace

std::chrono::milliseconds draw(const Latency& latency, Dice& dice) {
  double time = latency.first;
  if (latency.distribution == Latency::Distribution::Uniform) {
    time = std::uniform_real_distribution<double>(latency.first, latency.second)(dice);
  } else if (latency.distribution == Latency::Distribution::Normal && latency.second > 0) {
    time = std::normal_distribution<double>(latency.first, latency.second)(dice);
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(time, 0.0, kLongestWaitMs)));
}

Result<Fault> FaultBoard::add(Fault fault, RandomSource& random) {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes;
  random.fill(bytes);
  std::uint64_t chance = 0;
  for (auto byte : bytes) chance = chance << 8U | byte;
  MutexLock lock(mutex_);
  if (entries_.size() >= kMostFaults) {
    return Error{ErrorCode::Conflict,
                 fmt::format("There are {} faults; take some away first: DELETE /_emulator/faults", kMostFaults)};
  }
  fault.id = fmt::format("fault-{}", ++made_);
  entries_.push_back({fault, Dice(fault.seed.value_or(chance))});
  return fault;
}

bool FaultBoard::remove(const std::string& id) {
  MutexLock lock(mutex_);
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.fault.id == id; }) > 0;
}

void FaultBoard::clear() {
  MutexLock lock(mutex_);
  entries_.clear();
}

std::vector<Fault> FaultBoard::list() const {
  MutexLock lock(mutex_);
  std::vector<Fault> faults;
  for (const auto& entry : entries_) faults.push_back(entry.fault);
  return faults;
}

std::vector<Fault> FaultBoard::strike(const FaultSite& site) {
  MutexLock lock(mutex_);
  std::vector<Fault> struck;
  for (auto& [fault, dice] : entries_) {
    if (!fits(fault, site)) continue;
    if (fault.share < 1 && std::uniform_real_distribution<double>(0, 1)(dice) >= fault.share) continue;
    ++fault.hits;
    if (fault.left) --*fault.left;
    struck.push_back(fault);
    if (fault.kind == FaultKind::Latency) struck.back().wait = draw(fault.latency, dice);
  }
  return struck;
}

}  // namespace latchkey::clouds::azure::emulator
