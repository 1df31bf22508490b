#include "crypto/random.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include <openssl/rand.h>

#include "crypto/secret.hpp"
#include "crypto/secret_arena.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::size_t kMostFromBuffer = 256;

void draw(MutableBytes out) {
  constexpr std::size_t kMost = std::numeric_limits<int>::max();
  while (!out.empty()) {
    auto part = out.first(std::min(out.size(), kMost));
    // Without randomness nothing here is safe: better no process than a guessable key.
    if (RAND_priv_bytes(part.data(), static_cast<int>(part.size())) != 1) std::abort();
    out = out.subspan(part.size());
  }
}

// All zeros, as it is at first and in a forked child, says that nothing is left.
struct Buffer {
  std::size_t left;
  std::array<std::uint8_t, 4096 - sizeof(std::size_t)> bytes;
};

class ThreadBuffer {
 public:
  void fill(MutableBytes out) {
    auto& buffer = *reinterpret_cast<Buffer*>(memory_.mutable_view().data());
    if (buffer.left < out.size()) {
      draw(buffer.bytes);
      buffer.left = buffer.bytes.size();
    }
    auto given = MutableBytes(buffer.bytes).subspan(buffer.bytes.size() - buffer.left, out.size());
    std::copy(given.begin(), given.end(), out.begin());
    wipe(given);
    buffer.left -= out.size();
  }

 private:
  SecretBytes memory_{sizeof(Buffer)};
};

}  // namespace

void SystemRandom::fill(MutableBytes out) {
  static const bool kBuffers = SecretBytes(1).size() == 1 && SecretArena::instance().is_wiped_on_fork();
  if (!kBuffers || out.size() > kMostFromBuffer) {
    draw(out);
    return;
  }
  static thread_local ThreadBuffer buffer;
  buffer.fill(out);
}

}  // namespace latchkey::crypto
