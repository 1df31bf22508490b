#include "api/key_memory.hpp"

#include <string>

#include <gtest/gtest.h>

namespace latchkey::api {
namespace {

using namespace std::chrono_literals;

crypto::Sha256 hash(int number) {
  return crypto::sha256(as_bytes(std::to_string(number)));
}

audit::Caller caller(std::string id) {
  audit::Caller caller;
  caller.api_key_id = std::move(id);
  caller.role = store::Role::Workspace;
  caller.workspace_id = "wrkspc_1";
  caller.user_agent = "test/1";
  return caller;
}

struct KeyMemoryTest : ::testing::Test {
  // One of a kind in each shard.
  KeyMemory few{16, 16};
  KeyMemory memory;
  SteadyTime now{1h};
};

TEST_F(KeyMemoryTest, RemembersWhoseAKeyIsAndNotTheRequest) {
  EXPECT_EQ(memory.whose(hash(1)), nullptr);
  memory.note_known(hash(1), caller("apikey_1"));
  auto remembered = memory.whose(hash(1));
  ASSERT_NE(remembered, nullptr);
  EXPECT_EQ(remembered->api_key_id, "apikey_1");
  EXPECT_EQ(remembered->role, store::Role::Workspace);
  EXPECT_EQ(remembered->workspace_id, "wrkspc_1");
  EXPECT_EQ(remembered->user_agent, "");
  EXPECT_EQ(memory.whose(hash(2)), nullptr);
}

TEST_F(KeyMemoryTest, NobodysIsForgottenAfterAWhile) {
  EXPECT_FALSE(memory.is_nobodys(hash(1), now));
  memory.note_nobodys(hash(1), now);
  EXPECT_TRUE(memory.is_nobodys(hash(1), now + 9s));
  EXPECT_FALSE(memory.is_nobodys(hash(2), now));
  EXPECT_FALSE(memory.is_nobodys(hash(1), now + 10s));
}

TEST_F(KeyMemoryTest, WhatIsNobodysNowIsKnownNoMore) {
  memory.note_known(hash(1), caller("apikey_1"));
  memory.note_nobodys(hash(1), now);
  EXPECT_EQ(memory.whose(hash(1)), nullptr);
}

TEST_F(KeyMemoryTest, HoldsSoManyOfEachKind) {
  constexpr int kMost = 1'000;
  for (int i = 0; i < kMost; ++i) {
    few.note_known(hash(i), caller("apikey_1"));
    few.note_nobodys(hash(kMost + i), now);
  }
  int known = 0;
  int nobodys = 0;
  for (int i = 0; i < kMost; ++i) {
    known += few.whose(hash(i)) ? 1 : 0;
    nobodys += few.is_nobodys(hash(kMost + i), now) ? 1 : 0;
  }
  EXPECT_EQ(known, 16);
  EXPECT_EQ(nobodys, 16);
}

TEST_F(KeyMemoryTest, KeysThatAreUsedStay) {
  KeyMemory pairs(32, 16);
  pairs.note_known(hash(0), caller("used"));
  for (int i = 1; i < 1'000; ++i) {
    pairs.note_known(hash(i), caller("once"));
    ASSERT_NE(pairs.whose(hash(0)), nullptr) << i;
  }
}

}  // namespace
}  // namespace latchkey::api
