// Memory for plaintext in transit: too large for the locked arena of crypto::SecretBytes, so the system may swap it;
// wiped on destruction. The server wipes all ordinary memory when it is freed (cli/wiping_heap.cpp); this class also
// covers programs that do not. Not thread-safe.
#pragma once

#include <utility>

#include "base/bytes.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

class SecretBuffer {
 public:
  SecretBuffer() = default;
  explicit SecretBuffer(std::size_t size) : bytes_(size) {}
  explicit SecretBuffer(Bytes bytes) : bytes_(std::move(bytes)) {}
  SecretBuffer(SecretBuffer&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  SecretBuffer& operator=(SecretBuffer&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  SecretBuffer(const SecretBuffer&) = delete;
  SecretBuffer& operator=(const SecretBuffer&) = delete;
  ~SecretBuffer() { wipe(bytes_); }

  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] MutableBytes mutable_view() { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace latchkey::crypto
