// The small readers: networks, paths, hosts, what the proxy lets through.
#include <gtest/gtest.h>

#include "clouds/azure/emulator/front.hpp"
#include "clouds/azure/emulator/network.hpp"
#include "clouds/azure/emulator/vault/vault_route.hpp"

namespace latchkey::clouds::azure::emulator {
namespace {

TEST(Network, RangesAreReadStrictly) {
  EXPECT_TRUE(is_ip_rule("203.0.113.9"));
  EXPECT_TRUE(is_ip_rule("203.0.113.0/24"));
  for (auto bad : {"", "203.0.113", "203.0.113.0/33", "10.1.2.3", "192.168.0.0/24", "172.16.0.0/12", "::1", "a/8"}) {
    EXPECT_FALSE(is_ip_rule(bad)) << bad;
  }
  EXPECT_TRUE(is_in_range("203.0.113.0/24", "203.0.113.255"));
  EXPECT_FALSE(is_in_range("203.0.113.0/24", "203.0.114.0"));
  EXPECT_FALSE(is_in_range("203.0.113.9", "203.0.113.90"));
  EXPECT_FALSE(is_in_range("203.0.113.9", "::1"));
  EXPECT_TRUE(is_in_range("203.0.113.0/24", "::ffff:203.0.113.9"));
  EXPECT_FALSE(is_in_range("203.0.113.0/24", "2001:db8::203.0.113.9"));
}

struct RouteCase {
  std::string method, path;
  VaultAction action;
  std::string key, version;
};

TEST(VaultRoute, KnowsTheKeysApi) {
  const RouteCase cases[] = {
      {"GET", "/keys", VaultAction::List, "", ""},
      {"GET", "/keys/", VaultAction::List, "", ""},
      {"GET", "//keys", VaultAction::List, "", ""},
      {"POST", "//keys/k//wrapkey", VaultAction::Crypto, "k", ""},
      {"GET", "/keys/k", VaultAction::Get, "k", ""},
      {"GET", "/keys/k/", VaultAction::Get, "k", ""},
      {"GET", "/keys/k/ABC", VaultAction::Get, "k", "abc"},
      {"GET", "/keys/k/versions", VaultAction::ListVersions, "k", ""},
      {"PATCH", "/keys/k/", VaultAction::Update, "k", ""},
      {"PATCH", "/keys/k/abc", VaultAction::Update, "k", "abc"},
      {"DELETE", "/keys/k", VaultAction::Delete, "k", ""},
      {"POST", "/keys/k/create", VaultAction::Create, "k", ""},
      {"POST", "/keys/k/rotate", VaultAction::Rotate, "k", ""},
      {"POST", "/keys/k/wrapkey", VaultAction::Crypto, "k", ""},
      {"POST", "/keys/k/wrapKey", VaultAction::Crypto, "k", ""},
      {"POST", "/keys/k//wrapkey", VaultAction::Crypto, "k", ""},
      {"POST", "/Keys/k/abc/UNWRAPKEY", VaultAction::Crypto, "k", "abc"},
      {"GET", "/deletedkeys", VaultAction::ListDeleted, "", ""},
      {"GET", "/deletedkeys/k", VaultAction::GetDeleted, "k", ""},
      {"POST", "/deletedkeys/k/recover", VaultAction::Recover, "k", ""},
      {"DELETE", "/deletedkeys/k", VaultAction::Purge, "k", ""},
  };
  for (const auto& c : cases) {
    http::Request request;
    request.method = c.method;
    request.path = c.path;
    auto route = route_vault_request(request);
    ASSERT_TRUE(route) << c.method << " " << c.path;
    EXPECT_EQ(route.value().action, c.action) << c.path;
    EXPECT_EQ(route.value().key, c.key);
    EXPECT_EQ(route.value().version, c.version);
  }
}

TEST(VaultRoute, RefusesTheRestAsBadParameter) {
  const std::pair<const char*, const char*> cases[] = {
      {"GET", "/"},           {"POST", "/keys/k/explode"}, {"PUT", "/keys"},        {"GET", "/secrets/s"},
      {"GET", "/keys/a_b"},   {"GET", "/keys/k/v/x"},      {"PUT", "/deletedkeys"}, {"POST", "/keys/k/v/w/wrapkey"},
      {"GET", "/keys/%2e%2e"}};
  for (auto [method, path] : cases) {
    http::Request request;
    request.method = method;
    request.path = path;
    auto route = route_vault_request(request);
    ASSERT_FALSE(route) << path;
    EXPECT_EQ(route.error().status, 400U);
    EXPECT_EQ(route.error().code, "BadParameter");
  }
}

TEST(VaultRoute, TakesTheMethodOverride) {
  http::Request request;
  request.method = "POST";
  request.path = "/keys/k";
  request.headers.add("X-HTTP-METHOD", "PATCH");
  auto route = route_vault_request(request);
  ASSERT_TRUE(route);
  EXPECT_EQ(route.value().action, VaultAction::Update);
}

TEST(Proxy, TunnelsPublicNamesAndNothingElse) {
  Model model;
  model.vaults["mine"].name = "mine";
  using http::ProxyVerdict;
  const std::pair<const char*, ProxyVerdict> cases[] = {
      {"login.microsoftonline.com", ProxyVerdict::Tunnel},
      {"management.azure.com", ProxyVerdict::Tunnel},
      {"graph.microsoft.com", ProxyVerdict::Tunnel},
      {"mine.vault.azure.net", ProxyVerdict::Tunnel},
      {"gone.vault.azure.net", ProxyVerdict::UnknownName},
      {"a.mine.vault.azure.net", ProxyVerdict::UnknownName},
      {"pool.managedhsm.azure.net", ProxyVerdict::UnknownName},
      {"example.com", ProxyVerdict::Forbidden},
      {"localhost", ProxyVerdict::Forbidden},
      {"mine.vault.azure.net.example.com", ProxyVerdict::Forbidden},
  };
  for (auto [host, verdict] : cases) EXPECT_EQ(proxy_verdict(model, host, 443), verdict) << host;
  EXPECT_EQ(proxy_verdict(model, "mine.vault.azure.net", 80), ProxyVerdict::Forbidden);
}

TEST(Challenge, NamesAResourceThatClientsAccept) {
  EXPECT_EQ(challenge_resource("mine.vault.azure.net"), "https://vault.azure.net");
  EXPECT_EQ(challenge_resource("127.0.0.1:8603"), "https://127.0.0.1:8603");
  EXPECT_EQ(challenge_resource("localhost:8603"), "https://localhost:8603");
  EXPECT_EQ(challenge_resource("mine.vault.localhost:8603"), "https://vault.localhost:8603");
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
