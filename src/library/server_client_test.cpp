#include "library/server_client.hpp"

#include <gtest/gtest.h>

namespace latchkey::library {
namespace {

constexpr std::chrono::minutes kLongestWait{1};

TEST(ErrorOf, ReadsTheStatusAndTheEnvelope) {
  struct Case {
    unsigned status;
    std::string body;
    ErrorCode code;
    std::string message;
    std::string reason;
    std::string beneath;  // the reason of the cause
  };
  const std::string kWhole =
      R"({"error":{"message":"It is taken.","details":{"error_code":"name_taken","reason":"key_disabled"}}})";
  for (const auto& c :
       {Case{409, kWhole, ErrorCode::Conflict, "It is taken.", "name_taken", "key_disabled"},
        Case{413, "<html>a proxy</html>", ErrorCode::TooLarge, "the server answered 413", "", ""},
        Case{404, R"({"error":"gone"})", ErrorCode::NotFound, "the server answered 404", "", ""},
        Case{429, R"({"error":{"message":"slow"}})", ErrorCode::Unavailable, "slow", "", ""},
        Case{400, R"({"error":{"details":{"reason":7}}})", ErrorCode::Invalid, "the server answered 400", "", ""}}) {
    auto error = error_of({c.status, {}, c.body}, Timestamp(), kLongestWait);
    EXPECT_EQ(error.code, c.code) << c.status;
    EXPECT_EQ(error.message(), c.message) << c.status;
    EXPECT_EQ(error.reason, c.reason) << c.status;
    EXPECT_EQ(error.beneath ? error.beneath->reason.code() : "", c.beneath) << c.status;
    EXPECT_FALSE(error.retry_after) << c.status;
  }
}

TEST(ErrorOf, WaitsNoLongerThanItsCallerWants) {
  auto error = error_of({503, {{"retry-after", "3600"}}, ""}, Timestamp(), kLongestWait);
  EXPECT_EQ(error.retry_after, kLongestWait);
}

TEST(ServerClient, AnErrorNamesTheUrlAsItsCallerDoes) {
  auto client = ServerClient::create({.url = "ftp://x", .url_name = "--url", .api_key = "k"});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::Invalid);
  EXPECT_TRUE(client.error().message().starts_with("--url: expected the server's URL")) << client.error().message();
}

}  // namespace
}  // namespace latchkey::library
