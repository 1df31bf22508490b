#include "base/id.hpp"

#include <gtest/gtest.h>

namespace latchkey {
namespace {

// Counts up, so that every id differs.
class CountingRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override {
    for (auto& byte : out) byte = next_++;
  }

 private:
  std::uint8_t next_ = 0;
};

TEST(Ids, HaveTheContractsShape) {
  CountingRandom random;
  auto id = make_id(id_prefix::kExternalKey, random);
  EXPECT_EQ(id.size(), std::string("ekey_01SDCCSbTxrXDpWc1phhtcfK").size());
  EXPECT_TRUE(id.starts_with("ekey_01"));
  auto raw = parse_id(id_prefix::kExternalKey, id);
  ASSERT_TRUE(raw);
  EXPECT_EQ(format_id(id_prefix::kExternalKey, raw.value()), id);
  EXPECT_NE(make_id(id_prefix::kExternalKey, random), id);
}

TEST(Ids, OfAnotherKindOrShapeAreRefused) {
  CountingRandom random;
  auto id = make_id(id_prefix::kWorkspace, random);
  EXPECT_FALSE(parse_id(id_prefix::kExternalKey, id));
  EXPECT_FALSE(parse_id(id_prefix::kWorkspace, id + "1"));
  EXPECT_FALSE(parse_id(id_prefix::kWorkspace, id.substr(0, id.size() - 1)));
  auto other_version = id;
  other_version[8] = '2';
  EXPECT_FALSE(parse_id(id_prefix::kWorkspace, other_version));
  EXPECT_FALSE(parse_id(id_prefix::kWorkspace, ""));
  auto refused = parse_id(id_prefix::kWorkspace, "wrkspc_nonsense");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
}

TEST(Uuids, AreVersionFourAndRoundTrip) {
  CountingRandom random;
  auto text = format_uuid(make_uuid(random));
  EXPECT_EQ(text, "00010203-0405-4607-8809-0a0b0c0d0e0f");
  EXPECT_EQ(format_uuid(parse_uuid("F8A7B6C5-4D3E-4F1A-8B9C-0D1E2F3A4B5C").value()),
            "f8a7b6c5-4d3e-4f1a-8b9c-0d1e2f3a4b5c");
  for (std::string_view bad : {"", "f8a7b6c54d3e4f1a8b9c0d1e2f3a4b5c", "{f8a7b6c5-4d3e-4f1a-8b9c-0d1e2f3a4b5c}",
                               "f8a7b6c5-4d3e-4f1a-8b9c-0d1e2f3a4b5", "f8a7b6c5-4d3e-4f1a-8b9c0-d1e2f3a4b5c",
                               "g8a7b6c5-4d3e-4f1a-8b9c-0d1e2f3a4b5c"}) {
    EXPECT_FALSE(parse_uuid(bad)) << bad;
  }
}

}  // namespace
}  // namespace latchkey
