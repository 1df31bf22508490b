#include "clouds/azure/emulator/throttle.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr std::chrono::seconds kWindow{10};
constexpr std::uint64_t kSubscriptionFactor = 5;

}  // namespace

std::uint64_t Throttle::limit_of(const Charge& charge) const {
  if (charge.creates) return charge.hsm ? limits_.hsm_creates : limits_.software_creates;
  return charge.hsm ? limits_.hsm : limits_.software;
}

std::optional<unsigned> Throttle::charge(const std::string& vault, const std::string& subscription,
                                         const Charge& charge, Timestamp now) {
  if (!limits_.enabled) return std::nullopt;
  auto kind = fmt::format("{}{}", charge.creates ? 'c' : 'o', charge.hsm ? 'h' : 's');
  MutexLock lock(mutex_);
  auto current = [&](const std::string& name) -> Window& {
    mutex_.assert_held();
    auto& window = windows_[name + kind];
    // A clock that was set back begins a new window, too.
    if (now < window.begun || now >= window.begun + kWindow) window = {now, 0};
    return window;
  };
  auto& of_vault = current("vault/" + vault + "/");
  auto& of_subscription = current("subscription/" + subscription + "/");
  auto limit = limit_of(charge);
  bool vault_is_full = of_vault.used + charge.weight > limit;
  if (!vault_is_full && of_subscription.used + charge.weight <= limit * kSubscriptionFactor) {
    of_vault.used += charge.weight;
    of_subscription.used += charge.weight;
    return std::nullopt;
  }
  auto left = (vault_is_full ? of_vault : of_subscription).begun + kWindow - now;
  return static_cast<unsigned>(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(left).count()));
}

}  // namespace latchkey::clouds::azure::emulator
