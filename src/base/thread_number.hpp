// Numbers the threads, so that each can count in a place of its own.
#pragma once

#include <atomic>
#include <cstddef>

namespace latchkey {

// From 0 on, in the order in which threads first ask; no two threads have the same. Thread-safe.
inline std::size_t number_of_this_thread() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t kNumber = next.fetch_add(1, std::memory_order_relaxed);
  return kNumber;
}

}  // namespace latchkey
