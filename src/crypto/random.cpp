#include "crypto/random.hpp"

#include "crypto/kernel_random.hpp"
#include "crypto/nonce_maker.hpp"
#include "crypto/secret.hpp"
#include "crypto/secret_arena.hpp"

namespace latchkey::crypto {

namespace {

class ThreadNonces {
 public:
  NonceMaker& maker() { return maker_; }

 private:
  SecretBytes memory_{sizeof(NonceState)};
  NonceMaker maker_{*reinterpret_cast<NonceState*>(memory_.mutable_view().data())};
};

}  // namespace

void SystemRandom::fill(MutableBytes out) {
  kernel_random(out);
}

void SystemRandom::fill_nonce(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message) {
  // Where a forked child would find what its parent drew ahead, nothing is.
  static const bool kDrawsAhead = SecretBytes(1).size() == 1 && SecretArena::instance().is_wiped_on_fork();
  if (!kDrawsAhead) {
    kernel_random(out);
    return;
  }
  static thread_local ThreadNonces nonces;
  nonces.maker().make(out, bound, message);
}

}  // namespace latchkey::crypto
