#include "crypto/random.hpp"

#include "crypto/kernel_random.hpp"
#include "crypto/nonce_maker.hpp"
#include "crypto/secret.hpp"
#include "crypto/secret_arena.hpp"

namespace latchkey::crypto {

namespace {

// One per thread; null until the thread first needs it. A bare pointer, because the compiler checks an object with a
// constructor on every access.
constinit thread_local NonceMaker* nonce_maker = nullptr;

class ThreadNonces {
 public:
  ThreadNonces() { nonce_maker = &maker_; }
  ThreadNonces(const ThreadNonces&) = delete;
  ThreadNonces& operator=(const ThreadNonces&) = delete;
  ~ThreadNonces() { nonce_maker = nullptr; }

 private:
  SecretBytes memory_{sizeof(NonceState)};
  NonceMaker maker_{*reinterpret_cast<NonceState*>(memory_.mutable_view().data())};
};

// A thread draws in advance only where a forked child finds the drawn bytes wiped.
bool draws_ahead() {
  static const bool kDrawsAhead = SecretBytes(1).size() == 1 && SecretArena::instance().is_wiped_on_fork();
  return kDrawsAhead;
}

}  // namespace

void SystemRandom::fill(MutableBytes out) {
  kernel_random(out);
}

void SystemRandom::draw_nonce(MutableBytes out) {
  if (nonce_maker == nullptr && draws_ahead()) {
    static thread_local ThreadNonces nonces;
  }
  if (nonce_maker == nullptr) {
    kernel_random(out);
    return;
  }
  nonce_maker->draw(out);
}

void SystemRandom::hedge_nonce(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message) {
  // Without a maker the nonce came from the kernel just now, and needs no hedge.
  if (nonce_maker != nullptr) nonce_maker->hedge(out, bound, message);
}

}  // namespace latchkey::crypto
