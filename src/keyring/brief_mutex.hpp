// A mutex for sections that take less time than putting a thread to sleep and waking it. A thread that finds it locked
// tries again for a moment before it sleeps. In a virtual machine, where each wake-up may go through the hypervisor,
// that is the difference between half a microsecond and twenty.
#pragma once

#include "base/mutex.hpp"

namespace latchkey::keyring {

// Otherwise it behaves like Mutex.
class LATCHKEY_CAPABILITY("mutex") BriefMutex {
 public:
  void lock() LATCHKEY_ACQUIRE() {
    // Some microseconds, longer than a running thread holds it. While the system has suspended the holder, we sleep.
    constexpr int kLooks = 200;
    for (int i = 0; i < kLooks; ++i) {
      if (mutex_.try_lock()) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    mutex_.lock();
  }
  [[nodiscard]] bool try_lock() LATCHKEY_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void unlock() LATCHKEY_RELEASE() { mutex_.unlock(); }

 private:
  Mutex mutex_;
};

}  // namespace latchkey::keyring
