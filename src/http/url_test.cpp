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
    EXPECT_EQ(url.error().message().find("token"), std::string::npos);
  }
}

struct Written {
  std::string text;
  std::string meant;
};

TEST(HostTest, IsReadHoweverItIsWritten) {
  for (const auto& [text, meant] : {
           Written{"login.microsoftonline.com", "login.microsoftonline.com"},
           Written{"login.microsoftonline.com/", "login.microsoftonline.com"},
           Written{"https://login.microsoftonline.com", "login.microsoftonline.com"},
           Written{"HTTPS://Login.MicrosoftOnline.com//", "login.microsoftonline.com"},
           Written{"login.microsoftonline.com.", "login.microsoftonline.com"},
           Written{"login.microsoftonline.com:443", "login.microsoftonline.com"},
           Written{" \tlogin.microsoftonline.com\r\n", "login.microsoftonline.com"},
           Written{"login.stack.example:8443/", "login.stack.example:8443"},
           Written{"localhost:8601", "localhost:8601"},
           Written{"127.0.0.1", "127.0.0.1"},
           Written{"[::1]:8601", "[::1]:8601"},
       }) {
    auto host = read_host(text);
    ASSERT_TRUE(host) << text << ": " << host.error().message();
    EXPECT_EQ(host.value(), meant);
  }
}

TEST(HostTest, WhatIsMoreThanAHostIsRefusedWithoutRepeatingIt) {
  for (const std::string& text : {std::string(),
                                  std::string(" "),
                                  std::string("http://secret.example/"),
                                  std::string("//secret.example"),
                                  std::string("https://secret.example/tenant"),
                                  std::string("secret.example/tenant"),
                                  std::string("secret.example?a"),
                                  std::string("secret.example#a"),
                                  std::string("me:secret@login.example"),
                                  std::string("secret.example:0"),
                                  std::string("secret.example:99999"),
                                  std::string("secret..example"),
                                  std::string(".secret.example"),
                                  std::string("secret.example.."),
                                  std::string("se cret.example"),
                                  std::string("secr\xc3\xa9t.example"),
                                  std::string("secret.example,b.example"),
                                  std::string("*.secret.example"),
                                  std::string("ftp://secret.example"),
                                  std::string("secret.example\0.evil", 20)}) {
    auto host = read_host(text);
    ASSERT_FALSE(host) << text;
    EXPECT_EQ(host.error().code, ErrorCode::Invalid);
    EXPECT_EQ(host.error().message().find("secret"), std::string::npos) << text;
  }
}

TEST(HostSuffixTest, IsReadHoweverItIsWritten) {
  for (const std::string text :
       {".vault.azure.net", "vault.azure.net", "*.vault.azure.net", " .Vault.AZURE.net ", "https://vault.azure.net/",
        ".vault.azure.net/", ".vault.azure.net.", ".vault.azure.net:443"}) {
    auto suffix = read_host_suffix(text);
    ASSERT_TRUE(suffix) << text << ": " << suffix.error().message();
    EXPECT_EQ(suffix.value(), ".vault.azure.net") << text;
  }
  for (const std::string text : {"", ".", "*", "*.", "..vault.azure.net", "*.*.azure.net", "http://vault.azure.net",
                                 "vault.azure.net/keys", "vault.azure.net:8443", "me@vault.azure.net", "127.0.0.1",
                                 ".0.1", "[::1]", "vault azure net", "x*.vault.azure.net"}) {
    EXPECT_FALSE(read_host_suffix(text)) << text;
  }
}

TEST(BaseUrlTest, IsReadHoweverItIsWritten) {
  for (const auto& [text, meant] : {
           Written{"http://127.0.0.1:8600", "http://127.0.0.1:8600"},
           Written{" HTTPS://Keys.Example.COM/ ", "https://keys.example.com"},
           Written{"https://keys.example.com:443///", "https://keys.example.com"},
           Written{"http://keys.example.com:80", "http://keys.example.com"},
           Written{"https://keys.example.com/Latchkey/", "https://keys.example.com/Latchkey"},
           Written{"http://[::1]:8600/", "http://[::1]:8600"},
       }) {
    auto base = read_base_url(text);
    ASSERT_TRUE(base) << text;
    EXPECT_EQ(base.value(), meant);
  }
  for (const std::string text :
       {"", "keys.example.com", "keys.example.com:8600", "/v1", "ftp://a", "https://me:secret@a", "https://a?secret=b",
        "https://a#secret", "https://", "https://a b"}) {
    auto base = read_base_url(text);
    ASSERT_FALSE(base) << text;
    EXPECT_EQ(base.error().message().find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace latchkey::http
