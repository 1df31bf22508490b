// Bytes that a connection has read and not used yet. They are in one block of memory, which the buffer takes from its
// thread's spare ones when it reads, and gives back once every byte is used: a connection that waits for a request holds
// none. Used bytes are wiped before anybody else gets the block. Internal to http/.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace latchkey::http {

// Not thread-safe; one buffer may be used by different threads one after another.
class ReadBuffer {
 public:
  // Holds `size` bytes at most.
  explicit ReadBuffer(std::size_t size) : size_(size) {}
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;
  ~ReadBuffer() { give_back(); }

  // Where to read into: empty where the buffer is full of unread bytes. Views of unread bytes are invalid afterwards.
  [[nodiscard]] std::span<char> room();
  // So many bytes were read into room().
  void commit(std::size_t size) { written_ += size; }
  [[nodiscard]] std::string_view unread() const { return {block_.get() + used_, written_ - used_}; }
  [[nodiscard]] bool empty() const { return used_ == written_; }
  // So many bytes of unread() are used.
  void consume(std::size_t size) { used_ += size; }
  // Wipes the used bytes and gives the block back where no others are there.
  void release();

 private:
  void give_back();
  void wipe(std::size_t from, std::size_t to);

  std::size_t size_;
  std::unique_ptr<char[]> block_;  // NOLINT(*-avoid-c-arrays): memory that nobody has to clear first
  std::size_t used_ = 0;
  std::size_t written_ = 0;
};

}  // namespace latchkey::http
