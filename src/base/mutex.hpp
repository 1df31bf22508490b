// A mutex that clang checks: the build fails where code touches a member without the mutex that guards it. g++ ignores
// the annotations. https://releases.llvm.org/16.0.0/tools/clang/docs/ThreadSafetyAnalysis.html
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define LATCHKEY_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define LATCHKEY_THREAD_ANNOTATION(x)
#endif

// On a member: code reads and writes it only while it holds that mutex.
#define LATCHKEY_GUARDED_BY(mutex) LATCHKEY_THREAD_ANNOTATION(guarded_by(mutex))
// On a function: the caller holds that mutex.
#define LATCHKEY_REQUIRES(...) LATCHKEY_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))

#define LATCHKEY_CAPABILITY(name) LATCHKEY_THREAD_ANNOTATION(capability(name))
#define LATCHKEY_SCOPED_CAPABILITY LATCHKEY_THREAD_ANNOTATION(scoped_lockable)
#define LATCHKEY_ACQUIRE(...) LATCHKEY_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define LATCHKEY_TRY_ACQUIRE(...) LATCHKEY_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define LATCHKEY_RELEASE(...) LATCHKEY_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define LATCHKEY_ASSERT_CAPABILITY(...) LATCHKEY_THREAD_ANNOTATION(assert_capability(__VA_ARGS__))

namespace latchkey {

// std::mutex, annotated. Hold it through MutexLock.
class LATCHKEY_CAPABILITY("mutex") Mutex {
 public:
  void lock() LATCHKEY_ACQUIRE() { mutex_.lock(); }
  [[nodiscard]] bool try_lock() LATCHKEY_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void unlock() LATCHKEY_RELEASE() { mutex_.unlock(); }
  // Does nothing at run time. It tells the compiler, in a lambda or a destructor, that the caller holds the mutex.
  void assert_held() const LATCHKEY_ASSERT_CAPABILITY(this) {}

 private:
  friend class Condition;
  std::mutex mutex_;
};

// Holds a mutex until the end of its scope. Works with Mutex and with classes that have the same annotated functions.
template <class Held = Mutex>
class LATCHKEY_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Held& mutex) LATCHKEY_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() LATCHKEY_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  MutexLock(MutexLock&&) = delete;
  MutexLock& operator=(MutexLock&&) = delete;

 private:
  Held& mutex_;
};

// Releases a mutex that the enclosing scope holds, and takes it again at the end of its own scope, also after an
// exception.
class LATCHKEY_SCOPED_CAPABILITY MutexRelease {
 public:
  explicit MutexRelease(Mutex& mutex) LATCHKEY_RELEASE(mutex) : mutex_(mutex) { mutex_.unlock(); }
  // Clang's word for "undoes what the constructor did" is release.
  ~MutexRelease() LATCHKEY_RELEASE() { mutex_.lock(); }
  MutexRelease(const MutexRelease&) = delete;
  MutexRelease& operator=(const MutexRelease&) = delete;
  MutexRelease(MutexRelease&&) = delete;
  MutexRelease& operator=(MutexRelease&&) = delete;

 private:
  Mutex& mutex_;
};

// A condition variable. A wait releases the mutex while it sleeps and holds it again when it returns. Wait in a loop
// over the condition: a wait may return without a reason.
class Condition {
 public:
  void wait(Mutex& mutex) LATCHKEY_REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  template <class Duration>
  void wait_for(Mutex& mutex, const Duration& longest) LATCHKEY_REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    condition_.wait_for(held, longest);
    held.release();
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace latchkey
