#include "http/read_buffer.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include "crypto/secret.hpp"

namespace latchkey::http {

namespace {

// A thread keeps so many blocks that nobody uses: it works on one connection at a time, and some wait for more bytes.
constexpr std::size_t kSpareBlocks = 8;

using Block = std::unique_ptr<char[]>;  // NOLINT(*-avoid-c-arrays): see the header

struct Spare {
  std::size_t size;
  Block block;
};

std::vector<Spare>& spares() {
  thread_local std::vector<Spare> spares;
  return spares;
}

Block take_block(std::size_t size) {
  auto& all = spares();
  if (all.empty() || all.back().size != size) return std::make_unique_for_overwrite<char[]>(size);  // NOLINT
  auto block = std::move(all.back().block);
  all.pop_back();
  return block;
}

void keep_block(std::size_t size, Block block) {
  if (auto& all = spares(); all.size() < kSpareBlocks) all.push_back({size, std::move(block)});
}

}  // namespace

std::span<char> ReadBuffer::room() {
  if (!small_) small_ = std::make_unique_for_overwrite<char[]>(kSmall);  // NOLINT(*-avoid-c-arrays)
  if (used_ > 0) {
    auto unread = written_ - used_;
    std::memmove(block(), block() + used_, unread);
    wipe(unread, written_);
    used_ = 0;
    written_ = unread;
  }
  if (written_ == kSmall && !large_ && size_ > kSmall) grow();
  return {block() + written_, capacity() - written_};
}

void ReadBuffer::grow() {
  auto larger = take_block(size_);
  std::memcpy(larger.get(), small_.get(), written_);
  wipe(0, written_);
  large_ = std::move(larger);
}

void ReadBuffer::release() {
  if (empty()) give_back();
}

void ReadBuffer::rest() {
  if (!empty()) return;
  give_back();
  small_.reset();
}

void ReadBuffer::give_back() {
  if (block() == nullptr) return;
  wipe(0, written_);
  used_ = written_ = 0;
  if (large_) keep_block(size_, std::move(large_));
}

void ReadBuffer::wipe(std::size_t from, std::size_t to) {
  crypto::wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(block() + from), to - from));
}

}  // namespace latchkey::http
