// Bytes that a connection has read and not used yet, in one piece. A buffer has a small block of memory of its own, for
// most requests fit. For one that does not it takes a large block from its thread's spare ones, and gives it back once
// every byte is used. Used bytes are wiped. Internal to http/.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace latchkey::http {

// Not thread-safe; one buffer may be used by different threads one after another.
class ReadBuffer {
 public:
  static constexpr std::size_t kSmall = std::size_t{3} * 1024;

  // Holds `size` bytes at most, and kSmall at least.
  explicit ReadBuffer(std::size_t size) : size_(std::max(size, kSmall)) {}
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;
  ~ReadBuffer() { give_back(); }

  // Where to read into: empty where the buffer is full of unread bytes. Views of unread bytes are invalid afterwards.
  [[nodiscard]] std::span<char> room();
  // So many bytes were read into room().
  void commit(std::size_t size) { written_ += size; }
  [[nodiscard]] std::string_view unread() const { return {block() + used_, written_ - used_}; }
  [[nodiscard]] bool empty() const { return used_ == written_; }
  // So many bytes of unread() are used.
  void consume(std::size_t size) { used_ += size; }
  // Wipes the used bytes, and gives the large block back, where no others are there.
  void release();
  // The same, and the small block too: for a connection that waits for long.
  void rest();

 private:
  [[nodiscard]] char* block() const { return large_ ? large_.get() : small_.get(); }
  [[nodiscard]] std::size_t capacity() const { return large_ ? size_ : kSmall; }
  void grow();
  void give_back();
  void wipe(std::size_t from, std::size_t to);

  std::size_t size_;
  // NOLINTBEGIN(*-avoid-c-arrays): memory that nobody has to clear first
  std::unique_ptr<char[]> small_;
  std::unique_ptr<char[]> large_;
  // NOLINTEND(*-avoid-c-arrays)
  std::size_t used_ = 0;
  std::size_t written_ = 0;
};

}  // namespace latchkey::http
