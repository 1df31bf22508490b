#include "http/url.hpp"

#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

struct Read {
  std::string text;
  std::string scheme;
  std::string host;
  std::uint16_t port;
};

TEST(UrlTest, ReadsHostsAsTheClientConnectsToThem) {
  for (const auto& [text, scheme, host, port] : {
           Read{"https://example.com/hooks?a=b", "https", "example.com", 443},
           Read{"HTTPS://Example.COM", "https", "example.com", 443},
           Read{"http://example.com:8080/", "http", "example.com", 8080},
           Read{"https://[::1]:9/", "https", "::1", 9},
           Read{"https://127.0.0.1/", "https", "127.0.0.1", 443},
           Read{"https://0x7f000001/", "https", "127.0.0.1", 443},
           Read{"https://2130706433/", "https", "127.0.0.1", 443},
           Read{"https://0177.1/", "https", "127.0.0.1", 443},
       }) {
    auto url = parse_url(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url.value().scheme, scheme) << text;
    EXPECT_EQ(url.value().host, host) << text;
    EXPECT_EQ(url.value().port, port) << text;
    EXPECT_FALSE(url.value().has_user) << text;
    EXPECT_FALSE(url.value().has_fragment) << text;
  }
}

TEST(UrlTest, SeesUsersAndFragments) {
  EXPECT_TRUE(parse_url("https://user@example.com/").value().has_user);
  EXPECT_TRUE(parse_url("https://user:secret@example.com/").value().has_user);
  EXPECT_TRUE(parse_url("https://example.com/#part").value().has_fragment);
}

TEST(UrlTest, RefusesWhatIsNoUrlWithoutRepeatingIt) {
  for (const std::string& text :
       {std::string(), std::string("example.com/token"), std::string("/token"), std::string("ftp://example.com/token"),
        std::string("file:///token"), std::string("https://example.com:0/token"),
        std::string("https://example.com:65536/token"), std::string("https://exa mple.com/token"),
        std::string("https://example.com/\0token", 26), std::string("gopher://example.com/token")}) {
    auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::Invalid);
    EXPECT_EQ(url.error().message.find("token"), std::string::npos);
  }
}

}  // namespace
}  // namespace latchkey::http
