// The places in memory where a compartment's last request found what it needed. Where many thousand compartments are in
// use, none of them is in the processor's caches, and a request would wait for one place after the other, as each is
// found by the one before. With a footprint it asks for all of them at once.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

namespace latchkey::keyring {

// The addresses are hints to the processor alone: nobody reads or writes by them, and one that is not valid any more
// does no harm. Thread-safe.
class Footprint {
 public:
  enum Part : std::size_t { kActive, kLease, kDataKey, kKeyMaterial, kKeySchedule, kUsageEntry, kUsage, kParts };

  Footprint() = default;
  Footprint(const Footprint& other) { *this = other; }
  Footprint& operator=(const Footprint& other) {
    for (std::size_t part = 0; part < kParts; ++part) {
      places_[part].store(other.places_[part].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    return *this;
  }
  ~Footprint() = default;

  void note(Part part, const void* place) const {
    // A write where nothing has changed would take the line away from the other processors.
    auto& known = places_[part];
    if (known.load(std::memory_order_relaxed) != place) known.store(place, std::memory_order_relaxed);
  }
  void fetch() const {
    for (std::size_t part = 0; part < kParts; ++part) {
      const auto* place = static_cast<const char*>(places_[part].load(std::memory_order_relaxed));
      if (place == nullptr) continue;
      for (std::size_t line = 0; line < kLines[part]; ++line) __builtin_prefetch(place + line * kLine);
    }
  }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::array<std::size_t, kParts> kLines{2, 4, 2, 1, 4, 1, 1};
  mutable std::array<std::atomic<const void*>, kParts> places_{};
};

}  // namespace latchkey::keyring
