// The one place where secrets live: memory that is never swapped (mlock), never in a core dump (MADV_DONTDUMP), empty
// in a forked child (MADV_WIPEONFORK), with an unmapped page before and behind each region. What describes the memory
// is kept apart from it, so that a child's wiped regions still make sense. Internal to crypto/; use SecretBytes.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace latchkey::crypto {

class SecretArena {
 public:
  static constexpr std::size_t kAlignment = 64;

  // The process's own; it is never destroyed, for secrets may outlive every static object.
  [[nodiscard]] static SecretArena& instance();

  SecretArena() = default;
  SecretArena(const SecretArena&) = delete;
  SecretArena& operator=(const SecretArena&) = delete;
  // Unmaps everything; whoever holds memory of this arena is gone.
  ~SecretArena();

  // `size` zero bytes, at a multiple of kAlignment. Ends the process where the system has no memory.
  [[nodiscard]] std::uint8_t* allocate(std::size_t size);
  // Wipes; `size` as it was allocated.
  void release(std::uint8_t* data, std::size_t size);

  // Bytes mapped so far that the system would not lock (RLIMIT_MEMLOCK); they are still left out of core dumps.
  [[nodiscard]] std::size_t unlocked() const;
  // Whether memory from here is empty in a forked child; not before Linux 4.14.
  [[nodiscard]] bool is_wiped_on_fork() const;

 private:
  struct Region {
    std::uint8_t* begin;  // behind the first guard page
    std::size_t size;
  };

  Region map_region(std::size_t size);
  void unmap(const Region& region);
  std::uint8_t* take_small(std::size_t size_class);

  mutable std::mutex mutex_;
  std::vector<Region> shared_;                    // regions that are cut into pages
  std::map<std::uint8_t*, Region> large_;         // each with one secret, by its address
  std::vector<std::vector<std::uint8_t*>> free_;  // by size class
  std::uint8_t* next_page_ = nullptr;
  std::size_t pages_left_ = 0;
  std::size_t unlocked_ = 0;
  bool wiped_on_fork_ = true;
};

}  // namespace latchkey::crypto
