#include "envelope/chunk_workers.hpp"

#include <atomic>
#include <fstream>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

#include <gtest/gtest.h>

namespace latchkey::envelope {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LATCHKEY_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LATCHKEY_SANITIZED
#endif
#endif

TEST(ChunkWorkers, EachDoesItsPartOfEachJob) {
  ChunkWorkers workers(4);
  std::atomic<unsigned> sum = 0;
  for (int job = 0; job < 100; ++job) workers.run([&](unsigned number) { sum += number + 1; });
  EXPECT_EQ(sum, 100U * (1 + 2 + 3 + 4));
}

#ifndef LATCHKEY_SANITIZED
// Leaves address space for the stacks of a few threads, but not of all.
void leave_space_for_few_threads() {
  std::ifstream status("/proc/self/statm");
  rlim_t pages = 0;
  status >> pages;
  constexpr rlim_t kSpace = 64UL << 20;
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = pages * static_cast<rlim_t>(::getpagesize()) + kSpace;
  ::setrlimit(RLIMIT_AS, &limit);
}

TEST(ChunkWorkersDeathTest, WhereTheSystemGivesNoMoreThreadsItIsAnErrorAndNotTheEnd) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  auto try_it = [] {
    leave_space_for_few_threads();
    try {
      ChunkWorkers workers(64);
    } catch (const std::system_error&) {
      ::_exit(0);
    }
    ::_exit(1);
  };
  EXPECT_EXIT(try_it(), ::testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace latchkey::envelope
