#include "base/lru.hpp"

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

TEST(Lru, AValueOutlivesItsPlace) {
  Lru<int, std::string> map(1);
  map.put(1, text(1));
  auto found = map.find(1);
  map.erase(1);
  EXPECT_EQ(*found, "1");
}

}  // namespace
}  // namespace latchkey
