#include "library/lease_source.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace latchkey::library {
namespace {

using std::chrono::milliseconds;

const AgeTime kAsked{std::chrono::hours(7)};

std::string body(std::string_view seconds = "60.5") {
  RawId id{};
  id[0] = 3;
  return R"({"plaintext_key":")" + base64_encode(Bytes(32, 9)) + R"(","data_key_id":")" +
         format_id(id_prefix::kDataKey, id) +
         R"(","external_key_id":null,"compartment_id":"11111111-2222-4333-8444-555555555555","expires_at":"2027-01-31T00:00:00Z",)"
         R"("expires_in":)" +
         std::string(seconds) + "}";
}

TEST(ReadLeasedKey, CountsFromTheQuestion) {
  auto text = body();
  auto leased = read_leased_key(text, kAsked);
  ASSERT_TRUE(leased) << leased.error().message();
  EXPECT_EQ(leased.value().key->id()[0], 3);
  EXPECT_EQ(to_bytes(leased.value().key->material()), Bytes(32, 9));
  EXPECT_EQ(format_uuid(leased.value().compartment), "11111111-2222-4333-8444-555555555555");
  EXPECT_EQ(leased.value().asked_at, kAsked);
  EXPECT_EQ(leased.value().ends_at, kAsked + milliseconds(60'500));
  EXPECT_TRUE(text.empty());
}

TEST(ReadLeasedKey, HowOftenItIsToBeCheckedIsBounded) {
  auto old = body();
  EXPECT_FALSE(read_leased_key(old, kAsked).value().check_after) << "a server that does not know of it";
  for (const auto& [said, read] : {std::pair("5", milliseconds(5'000)), std::pair("0", milliseconds(1'000)),
                                   std::pair("-1", milliseconds(1'000)), std::pair("1e300", milliseconds(3'600'000))}) {
    auto text = body();
    text.insert(text.size() - 1, std::string(R"(,"check_after":)") + said);
    EXPECT_EQ(read_leased_key(text, kAsked).value().check_after, read) << said;
  }
}

TEST(ReadLeasedKey, NoLeaseIsLongerThanAnHourNorNegative) {
  auto forever = body("1e300");
  EXPECT_EQ(read_leased_key(forever, kAsked).value().ends_at, kAsked + std::chrono::hours(1));
  auto past = body("-5");
  EXPECT_EQ(read_leased_key(past, kAsked).value().ends_at, kAsked);
}

TEST(ReadLeasedKey, WhatIsNotUnderstoodIsSaidAndWiped) {
  auto without = [](std::string text, const std::string& part, const std::string& other) {
    text.replace(text.find(part), part.size(), other);
    return text;
  };
  std::string cases[] = {
      "",
      "[]",
      "<html>",
      "{}",
      without(body(), "plaintext_key", "other"),
      without(body(), "CQkJCQ", "CQ*JCQ"),
      without(body(), "CQkJCQkJCQkJ", ""),
      without(body(), "compartment_id", "other"),
      without(body(), "11111111-", "1111-"),
      without(body(), "data_key_id\":\"", "data_key_id\":\"x"),
      without(body(), "60.5", "\"60.5\""),
      std::string(100'000, ' ') + body(),
  };
  for (auto& text : cases) {
    auto leased = read_leased_key(text, kAsked);
    ASSERT_FALSE(leased);
    EXPECT_EQ(leased.error().code, ErrorCode::Unavailable);
    EXPECT_TRUE(text.empty());
  }
}

TEST(Paths, AreTheApis) {
  EXPECT_EQ(active_key_path("wrkspc_1/x"), "/v1/workspaces/wrkspc_1%2Fx/data_keys");
  EXPECT_TRUE(key_path("wrkspc_1", RawId{}).starts_with("/v1/workspaces/wrkspc_1/data_keys/"));
  EXPECT_TRUE(key_path("wrkspc_1", RawId{}).ends_with("/unwrap"));
  EXPECT_TRUE(lease_path("wrkspc_1", RawId{}).ends_with("/lease"));
}

}  // namespace
}  // namespace latchkey::library
