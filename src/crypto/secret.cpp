#include "crypto/secret.hpp"

#include <algorithm>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <utility>

#include <openssl/crypto.h>

namespace latchkey::crypto {

namespace {

// 16 MiB hold about a hundred thousand leased data keys.
constexpr std::size_t kArenaSize = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kSmallestBlock = 64;

// OPENSSL_secure_malloc falls back to the plain heap where there is no arena; where the arena is full it gives null,
// and then the plain heap must do.
std::uint8_t* allocate(std::size_t size) {
  if (size == 0) return nullptr;
  void* memory = OPENSSL_secure_zalloc(size);
  if (memory == nullptr) memory = OPENSSL_zalloc(size);
  if (memory == nullptr) std::abort();
  return static_cast<std::uint8_t*>(memory);
}

void release(std::uint8_t* data, std::size_t size) {
  if (data == nullptr) return;
  OPENSSL_secure_clear_free(data, size);
}

}  // namespace

bool initialize_secret_memory() {
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (CRYPTO_secure_malloc_initialized() == 1) return true;
  return CRYPTO_secure_malloc_init(kArenaSize, kSmallestBlock) == 1;
}

SecretBytes::SecretBytes(std::size_t size) : data_(allocate(size)), size_(size) {}

SecretBytes::SecretBytes(ByteView bytes) : SecretBytes(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), data_);
}

SecretBytes SecretBytes::random(std::size_t size, RandomSource& source) {
  SecretBytes bytes(size);
  source.fill(bytes.mutable_view());
  return bytes;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    release(data_, size_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretBytes::~SecretBytes() {
  release(data_, size_);
}

void SecretBytes::shrink(std::size_t size) {
  if (size >= size_) return;
  *this = SecretBytes(reveal().first(size));
}

void wipe(MutableBytes bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace latchkey::crypto
