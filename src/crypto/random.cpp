#include "crypto/random.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include <openssl/rand.h>

namespace latchkey::crypto {

void SystemRandom::fill(MutableBytes out) {
  constexpr std::size_t kMost = std::numeric_limits<int>::max();
  while (!out.empty()) {
    auto part = out.first(std::min(out.size(), kMost));
    // Without randomness nothing here is safe: better no process than a guessable key.
    if (RAND_priv_bytes(part.data(), static_cast<int>(part.size())) != 1) std::abort();
    out = out.subspan(part.size());
  }
}

}  // namespace latchkey::crypto
