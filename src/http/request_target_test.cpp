#include "http/request_target.hpp"

#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

struct Read {
  std::string_view method;
  std::string_view text;
  std::string_view authority;
  std::string_view path;
  std::string_view query;
};

TEST(RequestTargetTest, TakesTheFormsThatRequestsHave) {
  for (const auto& c : {
           Read{"GET", "/a/b?c=d", "", "/a/b", "c=d"},
           Read{"GET", "/", "", "/", ""},
           Read{"GET", "/a?b?c", "", "/a", "b?c"},
           Read{"GET", "//a", "", "//a", ""},
           Read{"GET", "/http://b/", "", "/http://b/", ""},
           Read{"GET", "http://Example.COM/a?b=c", "example.com", "/a", "b=c"},
           Read{"POST", "HTTPS://example.com:8443/a", "example.com:8443", "/a", ""},
           Read{"GET", "http://[::1]:8600/healthz", "[::1]:8600", "/healthz", ""},
           Read{"GET", "http://example.com", "example.com", "/", ""},
           Read{"GET", "http://example.com?b=c", "example.com", "/", "b=c"},
           Read{"GET", "http://example.com//a", "example.com", "//a", ""},
           Read{"GET", "http://example.com/user@host", "example.com", "/user@host", ""},
           Read{"OPTIONS", "*", "", "*", ""},
           Read{"OPTIONS", "http://example.com", "example.com", "*", ""},
           Read{"OPTIONS", "http://example.com/", "example.com", "/", ""},
           Read{"OPTIONS", "/a", "", "/a", ""},
       }) {
    auto target = read_target(c.method, c.text);
    ASSERT_TRUE(target) << c.text;
    EXPECT_EQ(target->authority, c.authority) << c.text;
    EXPECT_EQ(target->path, c.path) << c.text;
    EXPECT_EQ(target->query, c.query) << c.text;
  }
}

TEST(RequestTargetTest, RefusesWhatIsNone) {
  for (std::string_view text : {"",
                                "noslash",
                                "*",
                                "**",
                                "*/a",
                                "?a",
                                "#a",
                                "example.com",
                                "example.com:443",
                                "http:/a",
                                "http://",
                                "http:///a",
                                "http://?a",
                                "http://user@example.com/",
                                "http://user:secret@example.com/",
                                "http://@example.com/",
                                "http://example.com:99999/",
                                "http://example.com:x/",
                                "http://exa mple.com/",
                                "http://[::1/",
                                "ftp://example.com/",
                                "javascript:alert(1)",
                                "http://example.com#a",
                                "http://a\\b@c/"}) {
    EXPECT_FALSE(read_target("GET", text)) << text;
  }
  EXPECT_FALSE(read_target("OPTIONS", "*?a"));
  EXPECT_FALSE(read_target("OPTIONS", "**"));
}

}  // namespace
}  // namespace latchkey::http
