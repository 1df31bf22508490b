#include "http/read_buffer.hpp"

#include <algorithm>

#include "crypto/secret.hpp"

namespace latchkey::http {

void ReadBuffer::make_room(std::size_t size) {
  bytes_.reserve(std::min(bytes_.size() + size, bytes_.max_size()));
}

void ReadBuffer::release_beyond(std::size_t kept) {
  if (bytes_.capacity() <= kept || bytes_.size() > 0) return;
  bytes_.shrink_to_fit();
  written_ = 0;
}

void ReadBuffer::wipe_consumed() {
  // Preparing all free space moves the unconsumed bytes to the front.
  auto free = bytes_.prepare(bytes_.capacity() - bytes_.size());
  auto stale = std::min(free.size(), written_ - bytes_.size());
  crypto::wipe(MutableBytes(static_cast<std::uint8_t*>(free.data()), stale));
  written_ = bytes_.size();
}

}  // namespace latchkey::http
