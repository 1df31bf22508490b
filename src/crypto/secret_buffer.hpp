// Memory for plaintext on its way through: too large for the locked arena of crypto::SecretBytes, so it may be swapped;
// wiped when let go. In the server all ordinary memory is wiped when it is freed (cli/wiping_heap.cpp); this holds
// wherever else the code runs, and for what is let go before.
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
