#include "envelope/context.hpp"

#include <array>

#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace latchkey::envelope {
namespace {

TEST(Canonicalize, IsSortedWithLengths) {
  EXPECT_TRUE(canonicalize({}).value().bytes().empty());
  EXPECT_TRUE(CanonicalContext().bytes().empty());
  EXPECT_EQ(hex_encode(canonicalize({{"b", "2"}, {"a", "10"}}).value().bytes()),
            "00000001"
            "61"
            "00000002"
            "3130"
            "00000001"
            "62"
            "00000001"
            "32");
  EXPECT_EQ(hex_encode(canonicalize({{"", ""}}).value().bytes()), "0000000000000000");
}

TEST(Canonicalize, PairsMayComeInAnyOrderAndEachKeyOnce) {
  std::array<ContextPair, 3> pairs{ContextPair{"b", "2"}, ContextPair{"\xc3\xbc", "3"}, ContextPair{"a", "1"}};
  auto form = canonicalize_pairs(pairs);
  ASSERT_TRUE(form);
  EXPECT_EQ(to_bytes(form.value().bytes()),
            to_bytes(canonicalize({{"\xc3\xbc", "3"}, {"a", "1"}, {"b", "2"}}).value().bytes()));
  std::array<ContextPair, 3> twice{ContextPair{"a", "1"}, ContextPair{"b", "2"}, ContextPair{"a", "3"}};
  EXPECT_FALSE(canonicalize_pairs(twice));
}

TEST(Canonicalize, NoTwoContextsAreOne) {
  auto form = [](const Context& context) { return to_bytes(canonicalize(context).value().bytes()); };
  auto a = form({{"a", "bc"}});
  auto b = form({{"ab", "c"}});
  auto c = form({{"a", "b"}, {"c", ""}});
  EXPECT_NE(a, b);
  EXPECT_NE(a, c);
  EXPECT_NE(b, c);
}

TEST(Canonicalize, HasALimit) {
  std::string most(kMaxContextSize - 9, 'x');
  EXPECT_TRUE(canonicalize({{"k", most}}));
  auto refused = canonicalize({{"k", most + "x"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
}

TEST(Canonicalize, TakesUtf8AndNothingElse) {
  EXPECT_TRUE(canonicalize({{"k\xc3\xa9y", "\xf0\x9f\x94\x91 \xed\x9f\xbf \xef\xbf\xbf"}}));
  for (std::string bad :
       {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xff", "a\xf0\x9f\x94"}) {
    EXPECT_FALSE(canonicalize({{"k", bad}})) << hex_encode(as_bytes(bad));
    EXPECT_FALSE(canonicalize({{bad, "v"}})) << hex_encode(as_bytes(bad));
  }
}

}  // namespace
}  // namespace latchkey::envelope
