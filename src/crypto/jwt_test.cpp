#include "crypto/jwt.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "crypto/testing/wycheproof.hpp"

namespace latchkey::crypto {
namespace {

using testing::text;

const RsaKey& test_key() {
  static const RsaKey kKey = RsaKey::generate(2048).value();
  return kKey;
}

std::string part(std::string_view json) {
  return base64url_encode(as_bytes(json));
}

TEST(Jwt, SignsWhatItVerifies) {
  for (auto algorithm : {RsaSignature::Rs256, RsaSignature::Ps256, RsaSignature::Ps512}) {
    auto token = jwt_sign(test_key(), algorithm, {{"kid", "k"}}, {{"iss", "me"}, {"exp", 1700000000}});
    ASSERT_TRUE(token);
    auto parsed = jwt_parse(token.value());
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(parsed.value().algorithm, algorithm);
    EXPECT_TRUE(jwt_signature_valid(parsed.value(), test_key()));
    EXPECT_EQ(jwt_text(parsed.value(), "iss"), "me");
    EXPECT_EQ(parsed.value().header.at("kid"), "k");
    auto tampered = parsed.value();
    tampered.signed_text.back() ^= 1;
    EXPECT_FALSE(jwt_signature_valid(tampered, test_key()));
  }
}

TEST(Jwt, RefusesWhatCouldFoolItsReader) {
  auto claims = part(R"({"iss":"me"})");
  for (const auto& token : {
           std::string(),
           std::string("a.b"),
           std::string("a.b.c.d"),
           std::string(".."),
           part(R"({"alg":"none"})") + "." + claims + ".",
           part(R"({"alg":"none"})") + "." + claims + ".AAAA",
           part(R"({"alg":"HS256"})") + "." + claims + ".AAAA",
           part(R"({"alg":"rs256"})") + "." + claims + ".AAAA",
           part(R"({})") + "." + claims + ".AAAA",
           part(R"({"alg":["RS256"]})") + "." + claims + ".AAAA",
           part(R"({"alg":"RS256","crit":["exp"]})") + "." + claims + ".AAAA",
           part(R"([])") + "." + claims + ".AAAA",
           part(R"({"alg":"RS256"})") + "." + part("3") + ".AAAA",
           part(R"({"alg":"RS256"})") + "." + claims + ".AA=A",
           part(R"({"alg":"RS256"})") + "." + claims + "=.AAAA",
           part(R"({"alg":"RS256"})") + "." + part("{") + ".AAAA",
           part(R"({"alg":"RS256"})") + "." + std::string(70'000, 'A') + ".AAAA",
           part(R"({"alg":"RS256"})") + "." + part(std::string(100, '[') + std::string(100, ']')) + ".AAAA",
       }) {
    auto parsed = jwt_parse(token);
    ASSERT_FALSE(parsed) << token.substr(0, 80);
    EXPECT_EQ(parsed.error().code, ErrorCode::Invalid);
  }
}

TEST(Jwt, TimesMayBeFractionsAndNothingElse) {
  Jwt token;
  token.claims = boost::json::parse(R"({"a":1700000000,"b":1700000000.75,"c":"1700000000","d":1e300,"e":null,"f":-5})")
                     .as_object();
  EXPECT_EQ(jwt_time(token, "a"), std::chrono::sys_seconds(std::chrono::seconds(1700000000)));
  EXPECT_EQ(jwt_time(token, "b"), std::chrono::sys_seconds(std::chrono::seconds(1700000000)));
  EXPECT_EQ(jwt_time(token, "f"), std::chrono::sys_seconds(std::chrono::seconds(-5)));
  for (std::string_view claim : {"c", "d", "e", "missing"}) EXPECT_FALSE(jwt_time(token, claim)) << claim;
}

TEST(Jwk, RoundTrips) {
  auto jwk = to_jwk(test_key());
  EXPECT_EQ(jwk.at("e"), "AQAB");
  auto key = from_jwk(jwk);
  ASSERT_TRUE(key);
  EXPECT_EQ(key.value().modulus(), test_key().modulus());
  for (std::string_view bad : {R"({})", R"({"kty":"EC"})", R"({"kty":"RSA"})", R"({"kty":"RSA","n":"AQAB","e":"AQAB"})",
                               R"({"kty":"RSA","n":5,"e":"AQAB"})", R"({"kty":"RSA","n":"!!","e":"AQAB"})"}) {
    EXPECT_FALSE(from_jwk(boost::json::parse(bad).as_object())) << bad;
  }
}

// A signature must be accepted exactly where the file says so.
TEST(Jwt, WycheproofSignatures) {
  std::size_t checked = 0;
  testing::for_each_test(
      testing::read_wycheproof("json_web_signature_test.json"), [&](const auto& group, const auto& test) {
        const auto* jwk = group.as_object().if_contains("public");
        if (jwk == nullptr || jwk->as_object().at("kty") != "RSA") return;
        auto key = from_jwk(jwk->as_object());
        if (!key) return;
        const auto* jws = test.as_object().if_contains("jws");
        if (jws == nullptr || !jws->is_string()) return;
        auto token = jwt_parse(std::string_view(jws->as_string()));
        const auto* named = jwk->as_object().if_contains("alg");
        bool algorithm_fits = token && (named == nullptr || token.value().header.at("alg") == *named);
        bool accepted = algorithm_fits && jwt_signature_valid(token.value(), key.value());
        // Our payload must be a JSON object, so a valid signature over any other payload is refused, too.
        if (text(test, "result") == "invalid") {
          EXPECT_FALSE(accepted);
        }
        if (text(test, "result") == "valid" && token) {
          EXPECT_TRUE(accepted);
        }
        ++checked;
      });
  EXPECT_GT(checked, 20U);
}

}  // namespace
}  // namespace latchkey::crypto
