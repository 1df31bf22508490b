// Holds all secrets: memory that is never swapped (mlock), never in a core dump (MADV_DONTDUMP), empty in a forked
// child (MADV_WIPEONFORK), with an unmapped page before and behind each region. The bookkeeping lives outside of that
// memory, so that it stays valid in a child whose regions are wiped. Internal to crypto/; use SecretBytes. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/mutex.hpp"

namespace latchkey::crypto {

class SecretArena {
 public:
  static constexpr std::size_t kAlignment = 64;

  // The arena of the process. It is never destroyed, because secrets may outlive every static object.
  [[nodiscard]] static SecretArena& instance();

  SecretArena() = default;
  SecretArena(const SecretArena&) = delete;
  SecretArena& operator=(const SecretArena&) = delete;
  // Unmaps everything; no memory of this arena may be in use.
  ~SecretArena();

  // Returns `size` zero bytes at a multiple of kAlignment. Ends the process where the system has no memory.
  [[nodiscard]] std::uint8_t* allocate(std::size_t size);
  // Wipes and frees; `size` is the size that was allocated.
  void release(std::uint8_t* data, std::size_t size);

  // The number of mapped bytes that the system would not lock (RLIMIT_MEMLOCK); they are still left out of core dumps.
  [[nodiscard]] std::size_t unlocked() const;
  // Calls `tell` once, when the first region cannot be locked, or at once where that has already happened. The call
  // runs without the arena's lock, so `tell` may take secret memory itself, on the thread that needed the memory; it
  // must not throw.
  void on_first_unlocked(std::function<void()> tell);
  // True where memory from here is empty in a forked child; false before Linux 4.14.
  [[nodiscard]] bool is_wiped_on_fork() const;

 private:
  struct Region {
    std::uint8_t* begin;  // behind the first guard page
    std::size_t size;
    bool is_locked = true;
  };

  Region map_region(std::size_t size) LATCHKEY_REQUIRES(mutex_);
  void unmap(const Region& region);
  std::uint8_t* take_small(std::size_t size_class) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] std::uint8_t* take(std::size_t size) LATCHKEY_REQUIRES(mutex_);
  // Returns the callback that is due now, if any.
  [[nodiscard]] std::function<void()> take_due_callback() LATCHKEY_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<Region> shared_ LATCHKEY_GUARDED_BY(mutex_);                    // regions that are cut into pages
  std::map<std::uint8_t*, Region> large_ LATCHKEY_GUARDED_BY(mutex_);         // each holds one secret; by its address
  std::vector<std::vector<std::uint8_t*>> free_ LATCHKEY_GUARDED_BY(mutex_);  // by size class
  std::uint8_t* next_page_ LATCHKEY_GUARDED_BY(mutex_) = nullptr;
  std::size_t pages_left_ LATCHKEY_GUARDED_BY(mutex_) = 0;
  std::size_t unlocked_ LATCHKEY_GUARDED_BY(mutex_) = 0;
  bool was_unlocked_ LATCHKEY_GUARDED_BY(mutex_) = false;
  std::function<void()> tell_unlocked_ LATCHKEY_GUARDED_BY(mutex_);  // empty after the call
  bool wiped_on_fork_ LATCHKEY_GUARDED_BY(mutex_) = true;
};

}  // namespace latchkey::crypto
