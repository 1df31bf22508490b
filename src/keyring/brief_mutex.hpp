// A mutex for sections that take less time than putting a thread to sleep and waking it. A thread that finds it locked
// tries again for a moment before it sleeps. In a virtual machine, where each wake-up may go through the hypervisor,
// that is the difference between half a microsecond and twenty.
#pragma once

#include <mutex>

namespace latchkey::keyring {

// Otherwise it behaves like std::mutex; it works with std::lock_guard.
class BriefMutex {
 public:
  void lock() {
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
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

}  // namespace latchkey::keyring
