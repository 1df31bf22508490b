#include "base/lru.hpp"

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace latchkey {
namespace {

std::shared_ptr<const std::string> text(int number) {
  return std::make_shared<const std::string>(std::to_string(number));
}

TEST(Lru, FindsWhatWasPutAndNothingElse) {
  Lru<int, std::string> map(100);
  EXPECT_EQ(map.find(1), nullptr);
  map.put(1, text(1));
  map.put(1, text(2));
  EXPECT_EQ(*map.find(1), "2") << "replaced";
  EXPECT_EQ(map.find(2), nullptr);
  map.erase(2);
  map.erase(1);
  EXPECT_EQ(map.find(1), nullptr);
}

TEST(Lru, HoldsSoMany) {
  Lru<std::string, std::string> map(64);
  constexpr int kMost = 10'000;
  for (int i = 0; i < kMost; ++i) map.put(std::to_string(i), text(i));
  int held = 0;
  for (int i = 0; i < kMost; ++i) held += map.find(std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(held, 64);
}

TEST(Lru, WhatIsAskedForStays) {
  Lru<std::string, std::string> map(32);
  map.put("used", text(0));
  for (int i = 0; i < 1'000; ++i) {
    map.put(std::to_string(i), text(i));
    ASSERT_NE(map.find("used"), nullptr) << i;
  }
}

// Whatever is put, asked for and erased in whatever order.
TEST(Lru, WhatItFindsIsTheLastThatWasPut) {
  constexpr int kKeys = 60;
  constexpr std::size_t kMost = 2;  // of a shard, and all small numbers are in one
  Lru<int, std::string> map(kMost * 16);
  std::map<int, std::string> last;
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    int key = static_cast<int>(random() % kKeys);
    switch (random() % 3) {
      case 0:
        last[key] = std::to_string(i);
        map.put(key, text(i));
        ASSERT_NE(map.find(key), nullptr);
        break;
      case 1:
        last.erase(key);
        map.erase(key);
        break;
      default:
        if (auto found = map.find(key)) {
          ASSERT_TRUE(last.contains(key)) << key;
          ASSERT_EQ(*found, last[key]);
        }
    }
  }
  std::size_t held = 0;
  for (int key = 0; key < kKeys; ++key) held += map.find(key) ? 1 : 0;
  EXPECT_LE(held, kMost);
}

TEST(Lru, AValueOutlivesItsPlace) {
  Lru<int, std::string> map(1);
  map.put(1, text(1));
  auto found = map.find(1);
  map.erase(1);
  EXPECT_EQ(*found, "1");
}

}  // namespace
}  // namespace latchkey
