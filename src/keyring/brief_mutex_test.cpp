#include "keyring/brief_mutex.hpp"

#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace latchkey::keyring {
namespace {

TEST(BriefMutexTest, OneAtATime) {
  constexpr int kThreads = 4;
  constexpr int kTimes = 20'000;
  BriefMutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int time = 0; time < kTimes; ++time) {
        std::lock_guard lock(mutex);
        ++count;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, kThreads * kTimes);
}

// Whoever holds it was put aside: it is slept for, and had in the end.
TEST(BriefMutexTest, OneThatIsHeldForLongIsHadInTheEnd) {
  BriefMutex mutex;
  std::promise<void> begun;
  mutex.lock();
  EXPECT_FALSE(std::async(std::launch::async, [&] { return mutex.try_lock(); }).get());
  auto waiting = std::async(std::launch::async, [&] {
    begun.set_value();
    std::lock_guard lock(mutex);
  });
  begun.get_future().wait();
  mutex.unlock();
  waiting.get();
}

}  // namespace
}  // namespace latchkey::keyring
