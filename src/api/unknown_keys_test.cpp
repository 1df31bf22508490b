#include "api/unknown_keys.hpp"

#include <string>

#include <gtest/gtest.h>

namespace latchkey::api {
namespace {

using namespace std::chrono_literals;

crypto::Sha256 hash(int number) {
  return crypto::sha256(as_bytes(std::to_string(number)));
}

constexpr SteadyTime kNow{1h};

TEST(UnknownKeys, AreForgottenAfterAWhile) {
  UnknownKeys keys;
  EXPECT_FALSE(keys.contains(hash(1), kNow));
  keys.note(hash(1), kNow);
  EXPECT_TRUE(keys.contains(hash(1), kNow + 9s));
  EXPECT_FALSE(keys.contains(hash(2), kNow));
  EXPECT_FALSE(keys.contains(hash(1), kNow + 10s));
}

TEST(UnknownKeys, AreNeverMoreThanSoMany) {
  constexpr int kMost = 1'000;
  UnknownKeys keys(16);  // one in each shard
  for (int i = 0; i < kMost; ++i) keys.note(hash(i), kNow);
  int remembered = 0;
  for (int i = 0; i < kMost; ++i) remembered += keys.contains(hash(i), kNow) ? 1 : 0;
  EXPECT_EQ(remembered, 16);
}

}  // namespace
}  // namespace latchkey::api
