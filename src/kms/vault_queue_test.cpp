#include "kms/vault_queue.hpp"

#include <functional>

#include <gtest/gtest.h>

namespace latchkey::kms {
namespace {

using namespace std::chrono_literals;

class VaultQueueTest : public ::testing::Test {
 protected:
  VaultQueue::CallPtr push(const std::string& organization, CallKind kind = CallKind::Request) {
    auto call = std::make_shared<VaultQueue::Call>(organization, "key", kind);
    EXPECT_TRUE(queue.push(call, now));
    return call;
  }

  const VaultLimits limits{.per_key = 1, .per_vault = 1, .per_window = 2, .window = 10s};
  SteadyTime now{1h};
  VaultQueue queue{limits};
};

// A vault's queue that is never idle is never forgotten, and anybody may name any vault.
TEST_F(VaultQueueTest, IsIdleOnceTheWindowIsOverHoweverCallsEnd) {
  struct Row {
    const char* name;
    std::function<void()> play;
  };
  const Row rows[] = {
      {"within the window", [this] { queue.finish(*push("a")); }},
      {"after the window",
       [this] {
         auto call = push("a");
         now += 11s;
         EXPECT_FALSE(queue.is_idle(now)) << "it is in flight";
         queue.finish(*call);
       }},
      {"withdrawn",
       [this] {
         auto first = push("a");
         queue.withdraw(*push("b"));
         queue.finish(*first);
       }},
      {"dropped",
       [this] {
         auto first = push("a");
         for (auto kind : {CallKind::Renewal, CallKind::Request, CallKind::Validation, CallKind::Background}) {
           (void)push("b", kind);
         }
         EXPECT_EQ(queue.drop("b", "another").size(), 0U);
         EXPECT_EQ(queue.drop("b", "key").size(), 4U);
         queue.finish(*first);
       }},
      {"admitted later",
       [this] {
         auto first = push("a");
         auto second = push("b", CallKind::Renewal);
         queue.finish(*first);
         EXPECT_EQ(queue.admit(now).calls, std::vector{second});
         queue.finish(*second);
       }},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    row.play();
    EXPECT_EQ(queue.waiting(), 0U);
    EXPECT_EQ(queue.in_flight(), 0U);
    now += 10s;
    EXPECT_TRUE(queue.is_idle(now));
  }
}

TEST_F(VaultQueueTest, TellsWhenTheWindowHasRoomOnlyToWhoWaitsForThatAlone) {
  auto began = now;
  auto first = push("a");
  auto second = push("b");
  EXPECT_FALSE(queue.admit(now).next_room) << "it waits for the first one to end";
  now += 1s;
  queue.finish(*first);
  auto admitted = queue.admit(now);
  EXPECT_EQ(admitted.calls, std::vector{second});
  EXPECT_FALSE(admitted.next_room);
  queue.finish(*second);
  auto third = push("c");
  EXPECT_TRUE(third->waits());
  EXPECT_EQ(queue.admit(now).next_room, began + 10s);
  now = began + 10s;
  EXPECT_EQ(queue.admit(now).calls, std::vector{third});
}

}  // namespace
}  // namespace latchkey::kms
