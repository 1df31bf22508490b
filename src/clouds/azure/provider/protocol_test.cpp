#include "clouds/azure/provider/protocol.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "clouds/azure/provider/reasons.hpp"

namespace latchkey::clouds::azure {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const std::string kVersion = "0123456789abcdef0123456789abcdef";
const std::string kKid = "https://contoso.vault.azure.net/keys/my-key/" + kVersion;
const Timestamp kNow = parse_timestamp("2026-01-02T03:04:05Z").value();
const RequestId kId{"11111111-2222-4333-8444-555555555555"};

KeyTarget target() {
  return {{"contoso.vault.azure.net", "https://vault.azure.net"}, "my-key", "tenant", "app", "7.4"};
}

http::ClientResponse ok(boost::json::object body) {
  return {200, {{"x-ms-request-id", "req-1"}}, boost::json::serialize(body)};
}

http::ClientResponse operation(std::string_view kid, ByteView value) {
  return ok({{"kid", kid}, {"value", base64url_encode(value)}});
}

TEST(BuildWrap, IsVersionless) {
  Bytes secret(32, 7);
  auto request = build_wrap(target(), crypto::SecretBytes(ByteView(secret)), kId);
  ASSERT_TRUE(request);
  EXPECT_EQ(request.value().method, "POST");
  EXPECT_EQ(request.value().url, "https://contoso.vault.azure.net/keys/my-key/wrapkey?api-version=7.4");
  EXPECT_EQ(request.value().body, R"({"alg":"RSA-OAEP-256","value":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"})");
  EXPECT_EQ(request.value().headers.get("content-type"), "application/json");
  EXPECT_EQ(request.value().headers.get("accept"), "application/json");
  EXPECT_EQ(request.value().headers.get("x-ms-client-request-id"), kId.correlation_id);
  EXPECT_FALSE(request.value().headers.has("authorization"));
}

TEST(BuildWrap, RefusesWhatNoKeyTakes) {
  EXPECT_TRUE(build_wrap(target(), crypto::SecretBytes(190), kId));
  for (std::size_t size : {0U, 191U, 4096U}) {
    auto request = build_wrap(target(), crypto::SecretBytes(size), kId);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().code, ErrorCode::Invalid);
  }
}

TEST(BuildUnwrap, NamesTheRecordedVersion) {
  for (const std::string& kid : {kKid, "https://CONTOSO.vault.azure.net/Keys/My-Key/" + kVersion}) {
    auto request = build_unwrap(target(), {kid, Bytes(384, 1)}, kId);
    ASSERT_TRUE(request) << kid;
    EXPECT_EQ(request.value().url,
              "https://contoso.vault.azure.net/keys/my-key/" + kVersion + "/unwrapkey?api-version=7.4");
  }
}

TEST(BuildUnwrap, NeverFollowsARecordElsewhere) {
  for (const std::string& kid : std::vector<std::string>{
           "", "x", kVersion, "https://evil.example/keys/my-key/" + kVersion,
           "https://other.vault.azure.net/keys/my-key/" + kVersion,
           "https://contoso.vault.azure.net/keys/other-key/" + kVersion,
           "http://contoso.vault.azure.net/keys/my-key/" + kVersion,
           "https://contoso.vault.azure.net/secrets/my-key/" + kVersion, "https://contoso.vault.azure.net/keys/my-key",
           "https://contoso.vault.azure.net/keys/my-key/", kKid + "/x", kKid + "0", kKid.substr(0, kKid.size() - 1),
           "https://contoso.vault.azure.net/keys/my-key/0123456789abcdef0123456789abcdeg",
           "https://contoso.vault.azure.net@evil.example/keys/my-key/" + kVersion,
           "https://contoso.vault.azure.net:444/keys/my-key/" + kVersion, kKid + std::string(600, 'a')}) {
    auto request = build_unwrap(target(), {kid, Bytes(384, 1)}, kId);
    ASSERT_FALSE(request) << kid;
    EXPECT_EQ(request.error().code, ErrorCode::Corrupt) << kid;
  }
}

TEST(BuildUnwrap, RefusesCiphertextsOfNoSize) {
  for (std::size_t size : {0U, 2049U}) {
    auto request = build_unwrap(target(), {kKid, Bytes(size, 1)}, kId);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().code, ErrorCode::Corrupt);
  }
}

TEST(BuildGet, AsksForTheNewestVersion) {
  auto request = build_get(target(), kId);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.url, "https://contoso.vault.azure.net/keys/my-key?api-version=7.4");
  EXPECT_TRUE(request.body.empty());
}

TEST(ReadWrap, GivesTheVersionThatWrapped) {
  auto wrapped = read_wrap(target(), operation(kKid, Bytes(384, 9)), kNow);
  ASSERT_TRUE(wrapped);
  EXPECT_EQ(wrapped.value().key_version, kKid);
  EXPECT_EQ(wrapped.value().ciphertext, Bytes(384, 9));
}

TEST(ReadWrap, RefusesWhatIsNoResponse) {
  std::vector<http::ClientResponse> responses{
      {200, {}, ""},
      {200, {}, "[]"},
      {200, {}, "{\"kid\":"},
      ok({}),
      ok({{"kid", kKid}}),
      ok({{"kid", kKid}, {"value", 1}}),
      ok({{"kid", 1}, {"value", "AAAA"}}),
      ok({{"kid", kKid}, {"value", "not base64url!"}}),
      ok({{"kid", kKid}, {"value", std::string(5000, 'A')}}),
      operation(kKid, Bytes(32, 1)),
      operation(kKid, Bytes(383, 1)),
      operation("https://other.vault.azure.net/keys/my-key/" + kVersion, Bytes(384, 1)),
      operation("https://contoso.vault.azure.net/keys/other/" + kVersion, Bytes(384, 1)),
      operation("https://contoso.vault.azure.net/keys/my-key", Bytes(384, 1)),
  };
  for (const auto& response : responses) {
    auto wrapped = read_wrap(target(), response, kNow);
    ASSERT_FALSE(wrapped) << response.body.substr(0, 100);
    EXPECT_EQ(wrapped.error().code, ErrorCode::KeyUnreachable);
    EXPECT_EQ(wrapped.error().reason, reason::kProviderFault);
  }
}

TEST(ReadUnwrap, GivesTheSecret) {
  Bytes payload(65, 3);
  auto secret = read_unwrap(target(), operation(kKid, payload), kNow);
  ASSERT_TRUE(secret);
  EXPECT_EQ(to_bytes(secret.value().reveal()), payload);
}

TEST(ReadUnwrap, RefusesNothingAtAll) {
  auto secret = read_unwrap(target(), operation(kKid, {}), kNow);
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().code, ErrorCode::KeyUnreachable);
}

TEST(ReadUnwrap, RefusalsGoThroughTheTable) {
  auto secret = read_unwrap(
      target(), {403, {}, R"({"error":{"code":"Forbidden","message":"","innererror":{"code":"KeyDisabled"}}})"}, kNow);
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().reason, reason::kKeyDisabled);
}

boost::json::object bundle() {
  return boost::json::parse(
             R"({"key":{"kid":")" + kKid + R"(","kty":"RSA","key_ops":["wrapKey","unwrapKey",3],"n":")" +
             base64url_encode(Bytes(384, 0xc1)) +
             R"(","e":"AQAB"},"attributes":{"enabled":true,"created":1700000000,"updated":1700000000,"nbf":1700000001,
                "exp":1900000000,"recoveryLevel":"Recoverable","recoverableDays":90},"tags":{"a":"true","b":7}})")
      .as_object();
}

TEST(ReadGet, DescribesTheKey) {
  auto key = read_get(target(), ok(bundle()), kNow);
  ASSERT_TRUE(key);
  EXPECT_EQ(key.value().key_version, kKid);
  EXPECT_EQ(key.value().type, "RSA");
  EXPECT_EQ(key.value().bits, 3072U);
  EXPECT_TRUE(key.value().enabled);
  EXPECT_EQ(key.value().not_before, Timestamp(std::chrono::seconds(1700000001)));
  EXPECT_EQ(key.value().expires, Timestamp(std::chrono::seconds(1900000000)));
  EXPECT_THAT(key.value().operations, ElementsAre("wrapKey", "unwrapKey"));
  EXPECT_THAT(key.value().tags, ElementsAre(Pair("a", "true")));
}

TEST(ReadGet, CountsBitsOfOddModuli) {
  auto body = bundle();
  for (auto [modulus, bits] : {std::pair{Bytes{0x01, 0x00}, 9U}, std::pair{Bytes{0x00, 0x80}, 8U},
                               std::pair{Bytes{0x00, 0x00}, 0U}, std::pair{Bytes{}, 0U}}) {
    body["key"].as_object()["n"] = base64url_encode(modulus);
    EXPECT_EQ(read_get(target(), ok(body), kNow).value().bits, bits);
  }
}

TEST(ReadGet, WhatIsMissingIsNotGranted) {
  auto key = read_get(target(), ok({{"key", {{"kid", kKid}, {"kty", "EC"}}}}), kNow);
  ASSERT_TRUE(key);
  EXPECT_FALSE(key.value().enabled);
  EXPECT_EQ(key.value().bits, 0U);
  EXPECT_TRUE(key.value().operations.empty());
}

TEST(ReadGet, RefusesWhatIsNoResponse) {
  for (const auto& response :
       {http::ClientResponse{200, {}, "no"}, ok({}), ok({{"key", 1}}), ok({{"key", boost::json::object{}}}),
        ok({{"key", {{"kid", "https://evil.example/keys/my-key/" + kVersion}}}})}) {
    auto key = read_get(target(), response, kNow);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, ErrorCode::KeyUnreachable);
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure
