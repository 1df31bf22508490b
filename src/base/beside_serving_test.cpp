#include "base/beside_serving.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace latchkey {
namespace {

int policy_of_a_new_thread() {
  int policy = -1;
  std::thread([&] { policy = ::sched_getscheduler(0); }).join();
  return policy;
}

// On threads of their own, as the policy of the one that runs the tests is nobody's business.
void on_a_thread_with(int policy, void (*test)()) {
  std::thread([&] {
    sched_param priority{};
    ASSERT_EQ(::sched_setscheduler(0, policy, &priority), 0);
    test();
  }).join();
}

TEST(BesideServing, ThreadsThatBeginMeanwhileInterruptNobody) {
  on_a_thread_with(SCHED_OTHER, [] {
    {
      BesideServing beside;
      EXPECT_EQ(policy_of_a_new_thread(), SCHED_BATCH);
    }
    EXPECT_EQ(policy_of_a_new_thread(), SCHED_OTHER);
  });
}

TEST(BesideServing, APolicyThatSomebodyChoseStays) {
  on_a_thread_with(SCHED_BATCH, [] {
    { BesideServing beside; }
    EXPECT_EQ(policy_of_a_new_thread(), SCHED_BATCH);
  });
}

}  // namespace
}  // namespace latchkey
