#include "crypto/secret.hpp"

#include <algorithm>
#include <cstring>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <utility>

#include <openssl/crypto.h>

#include "crypto/secret_arena.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::size_t kOpenSslArena = std::size_t{1} << 20;
constexpr std::size_t kOpenSslSmallest = 32;

std::uint8_t* allocate(std::size_t size) {
  return size == 0 ? nullptr : SecretArena::instance().allocate(size);
}

void release(std::uint8_t* data, std::size_t size) {
  if (data != nullptr) SecretArena::instance().release(data, size);
}

}  // namespace

void initialize_secret_memory(std::function<void()> warn) {
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (warn) SecretArena::instance().on_first_unlocked(std::move(warn));
  // The first region is mapped here, so that the warning comes before there is a secret.
  SecretBytes first(1);
  // OpenSSL keeps its own secrets, such as its generator's state, in its own secure heap.
  if (CRYPTO_secure_malloc_initialized() == 0) CRYPTO_secure_malloc_init(kOpenSslArena, kOpenSslSmallest);
}

std::size_t unlocked_secret_memory() {
  return SecretArena::instance().unlocked();
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
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

void wipe(std::string& text) {
  explicit_bzero(text.data(), text.size());
  text.clear();
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace latchkey::crypto
