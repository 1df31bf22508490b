// SecretBytes holds key material: locked into memory, left out of core dumps and forked children, and wiped on
// destruction. It begins at a multiple of 64 bytes. It cannot be copied, printed or compared with ==; code that reads
// the bytes must call reveal(). Not thread-safe, except for const access.
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/result.hpp"

namespace latchkey::crypto {

// Turns core dumps off and maps the first secret memory (secret_arena.hpp). Called once, from main, before threads
// start. `warn`, which may be empty, is called once, now or later, when the system first refuses to lock memory
// (RLIMIT_MEMLOCK), on the thread that needed the memory; it must not throw.
void initialize_secret_memory(std::function<void()> warn = {});
// The number of bytes of secret memory that the system would not lock and may write to swap. Thread-safe.
[[nodiscard]] std::size_t unlocked_secret_memory();

class SecretBytes {
 public:
  SecretBytes() = default;
  // `size` zero bytes, to be filled through mutable_view().
  explicit SecretBytes(std::size_t size);
  // Copies `bytes`; the caller wipes its own copy with wipe().
  explicit SecretBytes(ByteView bytes);
  [[nodiscard]] static SecretBytes random(std::size_t size, RandomSource& source);

  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();

  [[nodiscard]] ByteView reveal() const { return {data_, size_}; }
  [[nodiscard]] MutableBytes mutable_view() { return {data_, size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] SecretBytes clone() const { return SecretBytes(reveal()); }
  // Wipes and drops the bytes behind the first `size`.
  void shrink(std::size_t size);

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Overwrites memory with zeros in a way that the compiler cannot remove.
void wipe(MutableBytes bytes);
// The same, inlined, for objects so small that a call would cost more.
template <class T>
void wipe_small(T& object) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof object <= 128);
  std::memset(&object, 0, sizeof object);
  asm volatile("" : : "r"(&object) : "memory");  // as if the zeros were read
}
void wipe(std::string& text);

// Takes time that depends on the lengths only; false where they differ.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

}  // namespace latchkey::crypto
