// A mutex for what is held for less time than it takes to put a thread to sleep and wake it: whoever finds it held
// looks again for a moment before that. In a virtual machine, where each wake-up may go through the hypervisor, that is
// the difference between half a microsecond and twenty.
#pragma once

#include <mutex>

namespace latchkey::keyring {

// As std::mutex otherwise, for std::lock_guard.
class BriefMutex {
 public:
  void lock() {
    // Some microseconds; longer than whoever runs holds it. Who was put aside while holding it is slept for.
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
