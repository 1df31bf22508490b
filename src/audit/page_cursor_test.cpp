#include "audit/page_cursor.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "testing/repeatable_random.hpp"

namespace latchkey::audit {
namespace {

// A time before 1970: the sign must survive.
constexpr Timestamp kTime{std::chrono::microseconds(-1'234'567)};

TEST(PageCursor, ComesBackWhereItWasMadeAndNowhereElse) {
  latchkey::testing::RepeatableRandom random;
  auto organization = make_uuid(random);
  auto id = make_id(id_prefix::kExternalKey, random);
  auto cursor = make_page_cursor(id_prefix::kExternalKey, organization, {id, kTime}).value();
  auto place = read_page_cursor(id_prefix::kExternalKey, organization, cursor).value();
  EXPECT_EQ(place.id, id);
  EXPECT_EQ(place.created_at, kTime);
  EXPECT_EQ(cursor.find(id.substr(7)), std::string::npos) << "opaque";

  EXPECT_FALSE(read_page_cursor(id_prefix::kExternalKey, make_uuid(random), cursor));
  EXPECT_FALSE(read_page_cursor(id_prefix::kWorkspace, organization, cursor));
  for (auto bad : {std::string(), std::string("x"), id, cursor + "A", cursor.substr(1), std::string(43, 'A')}) {
    auto read = read_page_cursor(id_prefix::kExternalKey, organization, bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, ErrorCode::Invalid);
    EXPECT_EQ(read.error().message(),
              "page: Not a cursor of this list. Send the next_page of a response unchanged, or leave page out to begin "
              "with the first page.");
  }
}

TEST(PageCursor, AnyDamageIsSeen) {
  latchkey::testing::RepeatableRandom random;
  auto organization = make_uuid(random);
  store::ListPlace last(make_id(id_prefix::kExternalKey, random), kTime);
  auto cursor = make_page_cursor(id_prefix::kExternalKey, organization, last).value();
  auto bytes = base64url_decode(cursor).value();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] ^= 0x10;
    EXPECT_FALSE(read_page_cursor(id_prefix::kExternalKey, organization, base64url_encode(damaged))) << i;
  }
}

TEST(PageCursor, IsNotMadeOfAForeignIdOrWithoutATime) {
  latchkey::testing::RepeatableRandom random;
  auto make = [&](const store::ListPlace& last) {
    return make_page_cursor(id_prefix::kExternalKey, make_uuid(random), last);
  };
  EXPECT_FALSE(make({make_id(id_prefix::kWorkspace, random), kTime}));
  EXPECT_FALSE(make({make_id(id_prefix::kExternalKey, random)}));
}

}  // namespace
}  // namespace latchkey::audit
