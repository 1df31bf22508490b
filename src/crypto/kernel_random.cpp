#include "crypto/kernel_random.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/random.h>

namespace latchkey::crypto {

namespace {

// Copied from Linux's include/uapi/linux/random.h: Debian 12's headers are older.
struct VgetrandomParameters {
  std::uint32_t state_size;
  std::uint32_t mmap_protection;
  std::uint32_t mmap_flags;
  std::uint32_t reserved[13];
};
using Vgetrandom = ssize_t (*)(void* out, std::size_t size, unsigned flags, void* state, std::size_t state_size);

struct KernelsGenerator {
  Vgetrandom call = nullptr;
  VgetrandomParameters parameters{};
};

KernelsGenerator find_generator() {
  KernelsGenerator found;
  // Every process has the vDSO loaded; this call only gets a handle on it.
  auto* vdso = ::dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (vdso == nullptr) return found;
  auto call = reinterpret_cast<Vgetrandom>(::dlsym(vdso, "__vdso_getrandom"));
  constexpr auto kAskForParameters = ~std::size_t{0};
  if (call != nullptr && call(nullptr, 0, 0, &found.parameters, kAskForParameters) == 0) found.call = call;
  return found;
}

const KernelsGenerator& generator() {
  static const auto kFound = find_generator();
  return kFound;
}

// The kernel's state for one thread, in a mapping with the flags that the kernel asks for.
class ThreadState {
 public:
  ThreadState() {
    const auto& wanted = generator().parameters;
    auto* mapped = ::mmap(nullptr, wanted.state_size, static_cast<int>(wanted.mmap_protection),
                          static_cast<int>(wanted.mmap_flags), -1, 0);
    if (mapped != MAP_FAILED) memory_ = mapped;
  }
  ~ThreadState() {
    if (memory_ != nullptr) ::munmap(memory_, generator().parameters.state_size);
  }
  ThreadState(const ThreadState&) = delete;
  ThreadState& operator=(const ThreadState&) = delete;
  // Null where the mapping failed.
  [[nodiscard]] void* get() const { return memory_; }

 private:
  void* memory_ = nullptr;
};

}  // namespace

void kernel_random(MutableBytes out) {
  while (!out.empty()) {
    auto drawn = ::getrandom(out.data(), out.size(), 0);
    if (drawn < 0 && errno == EINTR) continue;
    // Without randomness nothing here is safe: better no process than a guessable key.
    if (drawn <= 0) std::abort();
    out = out.subspan(static_cast<std::size_t>(drawn));
  }
}

void kernel_random_quickly(MutableBytes out) {
  const auto& found = generator();
  if (found.call == nullptr) {
    kernel_random(out);
    return;
  }
  static thread_local ThreadState state;
  bool drawn = state.get() != nullptr && found.call(out.data(), out.size(), 0, state.get(),
                                                    found.parameters.state_size) == static_cast<ssize_t>(out.size());
  if (!drawn) kernel_random(out);
}

}  // namespace latchkey::crypto
