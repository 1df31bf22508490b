#include "api/request_id.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <pthread.h>

#include "base/id.hpp"

namespace latchkey::api {

namespace {

// The number of forks between the first process and this one: a child has its parent's memory, and must not continue
// the parent's sequences.
std::atomic<std::uint32_t> generation{1};
[[maybe_unused]] const int kCountsForks = ::pthread_atfork(nullptr, nullptr, [] { ++generation; });

// Two counters that begin anywhere. The ids of one thread differ, because the step is odd and the mixing is reversible.
// Two threads make the same id only where both counters began equally far apart, a chance of 2^-127 for each id.
struct Sequence {
  std::array<std::uint64_t, 2> counters{};
  std::uint32_t generation = 0;  // 0: not begun
};

// Makes consecutive ids look different. The function is SplitMix64's: Steele, Lea, Flood, "Fast Splittable
// Pseudorandom Number Generators" (2014), with the constants of Stafford's variant 13.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

}  // namespace

std::string make_request_id(RandomSource& random) {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;
  constinit static thread_local Sequence sequence;
  auto current = generation.load(std::memory_order_relaxed);
  if (sequence.generation != current) {
    random.fill({reinterpret_cast<std::uint8_t*>(sequence.counters.data()), sizeof sequence.counters});
    sequence.generation = current;
  }
  std::array<std::uint64_t, 2> mixed{};
  for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] = mix(sequence.counters[i] += kStep);
  RawId raw;
  static_assert(sizeof raw == sizeof mixed);
  std::memcpy(raw.data(), mixed.data(), sizeof raw);
  return format_id(id_prefix::kRequest, raw);
}

}  // namespace latchkey::api
