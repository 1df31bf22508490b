#include "crypto/secret.hpp"

#include <gtest/gtest.h>

#include "crypto/random.hpp"

namespace latchkey::crypto {
namespace {

TEST(SecretBytes, MovesAndNeverShares) {
  SecretBytes first(as_bytes("secret"));
  const auto* address = first.reveal().data();
  SecretBytes second(std::move(first));
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(second.reveal().data(), address);
  EXPECT_EQ(as_text(second.reveal()), "secret");
  auto copy = second.clone();
  EXPECT_NE(copy.reveal().data(), address);
  EXPECT_EQ(as_text(copy.reveal()), "secret");
  second = std::move(copy);
  EXPECT_EQ(as_text(second.reveal()), "secret");
  EXPECT_TRUE(copy.empty());
}

TEST(SecretBytes, StartsAsZerosAndShrinks) {
  SecretBytes bytes(8);
  EXPECT_EQ(to_bytes(bytes.reveal()), Bytes(8, 0));
  bytes.mutable_view()[0] = 1;
  bytes.shrink(4);
  EXPECT_EQ(to_bytes(bytes.reveal()), (Bytes{1, 0, 0, 0}));
  bytes.shrink(9);
  EXPECT_EQ(bytes.size(), 4U);
  SecretBytes none(std::size_t{0});
  EXPECT_TRUE(none.reveal().empty());
}

TEST(SecretBytes, RandomOnesDiffer) {
  SystemRandom random;
  auto first = SecretBytes::random(32, random);
  auto second = SecretBytes::random(32, random);
  EXPECT_FALSE(equal_constant_time(first.reveal(), second.reveal()));
}

TEST(SecretBytes, MoreThanTheArenaHoldsStillWork) {
  std::vector<SecretBytes> many;
  initialize_secret_memory();
  for (int i = 0; i < 40; ++i) many.emplace_back(std::size_t{1} << 20);
  for (auto& bytes : many) EXPECT_EQ(bytes.reveal().front(), 0);
}

TEST(Wipe, LeavesNothing) {
  std::string text("secret and long enough not to be in the string object");
  const auto* data = text.data();
  auto size = text.size();
  wipe(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(std::string(data, size), std::string(size, '\0'));
}

TEST(EqualConstantTime, IsEquality) {
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_TRUE(equal_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("ab")));
  EXPECT_FALSE(equal_constant_time({}, as_bytes("a")));
}

}  // namespace
}  // namespace latchkey::crypto
