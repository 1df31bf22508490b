#include "http/router.hpp"

#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

Task<Response> nothing(Request) {
  co_return Response{};
}

Router make_router() {
  Router router;
  router.add("GET", "/v1/keys", nothing);
  router.add("POST", "/v1/keys/{id}", nothing);
  router.add("DELETE", "/v1/keys/{id}", nothing);
  router.add("GET", "/v1/keys/{id}", nothing);
  router.add("GET", "/v1/keys/me", nothing);
  router.add("POST", "/v1/keys/{id}/validate", nothing);
  return router;
}

std::string matched(const Router& router, std::string_view method, std::string_view path) {
  auto match = router.match(method, path);
  return match.route == nullptr ? "" : match.route->pattern;
}

TEST(Router, FindsTheRoute) {
  auto router = make_router();
  EXPECT_EQ(matched(router, "GET", "/v1/keys"), "/v1/keys");
  EXPECT_EQ(matched(router, "POST", "/v1/keys/x/validate"), "/v1/keys/{id}/validate");
  for (std::string_view path : {"", "/", "/v1", "/v1/keys/", "/v1/keys//validate", "/v1/keys/x/y", "/V1/keys"}) {
    EXPECT_EQ(matched(router, "POST", path), "") << path;
  }
}

TEST(Router, LiteralsWinOverNames) {
  auto router = make_router();
  EXPECT_EQ(matched(router, "GET", "/v1/keys/me"), "/v1/keys/me");
  EXPECT_EQ(matched(router, "GET", "/v1/keys/you"), "/v1/keys/{id}");
}

TEST(Router, NamesTakeOneSegmentDecoded) {
  auto router = make_router();
  auto match = router.match("POST", "/v1/keys/arn%3Aaws%2Fkey");
  ASSERT_EQ(match.parameters.size(), 1U);
  EXPECT_EQ(match.parameters[0].first, "id");
  EXPECT_EQ(match.parameters[0].second, "arn:aws/key");
  EXPECT_EQ(router.match("POST", "/v1/keys/%zz").route, nullptr);
}

TEST(Router, AKnownPathWithAnotherMethodNamesTheMethods) {
  auto router = make_router();
  auto match = router.match("PATCH", "/v1/keys/x");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed_methods, (std::vector<std::string>{"POST", "DELETE", "GET"}));
  EXPECT_TRUE(router.match("PATCH", "/v1/nothing").allowed_methods.empty());
}

TEST(Router, HeadGoesWhereGetGoesAndNowhereElse) {
  auto router = make_router();
  EXPECT_EQ(matched(router, "HEAD", "/v1/keys/me"), "/v1/keys/me");
  EXPECT_EQ(router.match("HEAD", "/v1/keys/me").route->method, "GET");
  auto match = router.match("HEAD", "/v1/keys/x/validate");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed_methods, std::vector<std::string>{"POST"});
}

TEST(Router, AllowNamesHeadAndOptionsToo) {
  auto router = make_router();
  EXPECT_EQ(allow_field(router.match("PATCH", "/v1/keys/x").allowed_methods), "POST, DELETE, GET, HEAD, OPTIONS");
  EXPECT_EQ(allow_field({"POST"}), "POST, OPTIONS");
  EXPECT_EQ(allow_field(router.methods()), "GET, HEAD, POST, DELETE, OPTIONS");
}

TEST(Router, IgnoresCaseWhereAskedTo) {
  auto router = make_router();
  router.set_ignore_case(true);
  EXPECT_EQ(matched(router, "POST", "/V1/Keys/X/VALIDATE"), "/v1/keys/{id}/validate");
  EXPECT_EQ(router.match("POST", "/V1/Keys/X/VALIDATE").parameters[0].second, "X");
}

}  // namespace
}  // namespace latchkey::http
