// A mutex that the compiler knows: clang refuses a build in which somebody touches a member without the mutex that the
// member names as its guard. g++ takes the annotations for nothing.
// https://releases.llvm.org/16.0.0/tools/clang/docs/ThreadSafetyAnalysis.html
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define LATCHKEY_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define LATCHKEY_THREAD_ANNOTATION(x)
#endif

// Of a member: read and written with that mutex held, and not otherwise.
#define LATCHKEY_GUARDED_BY(mutex) LATCHKEY_THREAD_ANNOTATION(guarded_by(mutex))
// Of a function: its caller holds that mutex.
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
  // Does nothing. It tells the compiler, in a lambda or a destructor, that whoever calls it holds the mutex.
  void assert_held() const LATCHKEY_ASSERT_CAPABILITY(this) {}

 private:
  friend class Condition;
  std::mutex mutex_;
};

// Holds a mutex to the end of its scope; of Mutex, and of what has the same annotated functions.
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

// Lets go of a mutex that its scope's owner holds, and takes it again at the scope's end, also where that is left by an
// exception.
class LATCHKEY_SCOPED_CAPABILITY MutexRelease {
 public:
  explicit MutexRelease(Mutex& mutex) LATCHKEY_RELEASE(mutex) : mutex_(mutex) { mutex_.unlock(); }
  // That it "releases" is clang's way to say that what the constructor did is undone.
  ~MutexRelease() LATCHKEY_RELEASE() { mutex_.lock(); }
  MutexRelease(const MutexRelease&) = delete;
  MutexRelease& operator=(const MutexRelease&) = delete;
  MutexRelease(MutexRelease&&) = delete;
  MutexRelease& operator=(MutexRelease&&) = delete;

 private:
  Mutex& mutex_;
};

// What a thread that holds a mutex sleeps for until another thread changed something. The mutex is released meanwhile,
// and held again when a wait returns. Wait in a loop over what was wished for: a wait may return for no reason.
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
