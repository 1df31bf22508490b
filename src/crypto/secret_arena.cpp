#include "crypto/secret_arena.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace latchkey::crypto {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kRegion = std::size_t{1} << 20;
constexpr std::size_t kClasses = 7;  // 64, 128, ... 4096 bytes; larger ones have regions of their own

std::size_t class_size(std::size_t size_class) {
  return SecretArena::kAlignment << size_class;
}

std::size_t class_of(std::size_t size) {
  return size <= SecretArena::kAlignment
             ? 0
             : static_cast<std::size_t>(std::bit_width((size - 1) / SecretArena::kAlignment));
}

std::size_t whole_pages(std::size_t size) {
  if (size > SIZE_MAX / 2) std::abort();
  return (size + kPage - 1) / kPage * kPage;
}

}  // namespace

SecretArena& SecretArena::instance() {
  static auto* const kArena = new SecretArena();
  return *kArena;
}

SecretArena::~SecretArena() {
  for (const auto& region : shared_) unmap(region);
  for (const auto& [data, region] : large_) unmap(region);
}

SecretArena::Region SecretArena::map_region(std::size_t size) {
  auto* guarded = ::mmap(nullptr, size + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (guarded == MAP_FAILED) std::abort();
  Region region{static_cast<std::uint8_t*>(guarded) + kPage, size};
  if (::mprotect(region.begin, size, PROT_READ | PROT_WRITE) != 0) std::abort();
  if (::madvise(region.begin, size, MADV_DONTDUMP) != 0) std::abort();
  if (::madvise(region.begin, size, MADV_WIPEONFORK) != 0) wiped_on_fork_ = false;
  region.is_locked = ::mlock(region.begin, size) == 0;
  if (!region.is_locked) {
    unlocked_ += size;
    was_unlocked_ = true;
  }
  return region;
}

void SecretArena::unmap(const Region& region) {
  explicit_bzero(region.begin, region.size);
  ::munmap(region.begin - kPage, region.size + 2 * kPage);
}

std::uint8_t* SecretArena::take_small(std::size_t size_class) {
  free_.resize(kClasses);
  auto& free = free_[size_class];
  if (free.empty()) {
    if (pages_left_ == 0) {
      shared_.push_back(map_region(kRegion));
      next_page_ = shared_.back().begin;
      pages_left_ = kRegion / kPage;
    }
    for (std::size_t at = 0; at < kPage; at += class_size(size_class)) free.push_back(next_page_ + at);
    next_page_ += kPage;
    --pages_left_;
  }
  auto* data = free.back();
  free.pop_back();
  return data;
}

std::uint8_t* SecretArena::allocate(std::size_t size) {
  std::function<void()> tell;
  std::uint8_t* data = nullptr;
  {
    MutexLock lock(mutex_);
    data = take(size);
    // Tests the flag first: there is nearly always nothing to tell.
    if (was_unlocked_ && tell_unlocked_) tell = take_due_callback();
  }
  if (tell) tell();
  return data;
}

std::uint8_t* SecretArena::take(std::size_t size) {
  auto size_class = class_of(size);
  if (size_class < kClasses) return take_small(size_class);
  auto region = map_region(whole_pages(size));
  large_[region.begin] = region;
  return region.begin;
}

void SecretArena::release(std::uint8_t* data, std::size_t size) {
  explicit_bzero(data, size);
  MutexLock lock(mutex_);
  auto size_class = class_of(size);
  if (size_class < kClasses) {
    free_[size_class].push_back(data);
    return;
  }
  auto found = large_.find(data);
  if (found == large_.end()) std::abort();
  if (!found->second.is_locked) unlocked_ -= found->second.size;
  unmap(found->second);
  large_.erase(found);
}

std::size_t SecretArena::unlocked() const {
  MutexLock lock(mutex_);
  return unlocked_;
}

void SecretArena::on_first_unlocked(std::function<void()> tell) {
  std::function<void()> now;
  {
    MutexLock lock(mutex_);
    tell_unlocked_ = std::move(tell);
    now = take_due_callback();
  }
  if (now) now();
}

std::function<void()> SecretArena::take_due_callback() {
  return was_unlocked_ ? std::exchange(tell_unlocked_, nullptr) : nullptr;
}

bool SecretArena::is_wiped_on_fork() const {
  MutexLock lock(mutex_);
  return wiped_on_fork_;
}

}  // namespace latchkey::crypto
