// Memory for plaintext on its way through: too large for the locked arena of crypto::SecretBytes, so it may be swapped;
// wiped when let go. In the server all ordinary memory is wiped when it is freed (cli/wiping_heap.cpp); this holds
// wherever else the code runs, and for what is let go before.
#pragma once

#include <new>
#include <string>
#include <utility>

#include <boost/json/memory_resource.hpp>

#include "base/bytes.hpp"
#include "crypto/secret.hpp"

namespace latchkey::api {

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
  ~SecretBuffer() { crypto::wipe(bytes_); }

  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] MutableBytes mutable_view() { return bytes_; }

 private:
  Bytes bytes_;
};

// Wipes a text that somebody else owns when the scope ends.
class WipeAtExit {
 public:
  explicit WipeAtExit(std::string& text) : text_(text) {}
  WipeAtExit(const WipeAtExit&) = delete;
  WipeAtExit& operator=(const WipeAtExit&) = delete;
  ~WipeAtExit() { crypto::wipe(text_); }

 private:
  std::string& text_;
};

// For parsing JSON that holds plaintext: whatever is freed was wiped. Boost.JSON asks for no more than the default
// alignment, and not always for the same one when it gives memory back: so the default is what it gets.
class WipingResource final : public boost::json::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t) override { return ::operator new(bytes); }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t) override {
    crypto::wipe(MutableBytes(static_cast<std::uint8_t*>(memory), bytes));
    ::operator delete(memory);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override {
    return dynamic_cast<const WipingResource*>(&other) != nullptr;
  }
};

}  // namespace latchkey::api
