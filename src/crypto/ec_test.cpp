#include "crypto/ec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "testing/matchers.hpp"

namespace latchkey::crypto {
namespace {

using latchkey::testing::IsError;

struct CurveCase {
  std::string_view curve;
  std::size_t field, digest;
};

TEST(EcKey, SignsAndVerifiesOnEachCurve) {
  for (auto [curve, field, digest_size] :
       {CurveCase{"P-256", 32, 32}, {"P-384", 48, 48}, {"P-521", 66, 64}, {"P-256K", 32, 32}}) {
    auto key = EcKey::generate(curve).value();
    EXPECT_EQ(key.curve(), curve);
    EXPECT_EQ(key.x().size(), field);
    Bytes digest(digest_size, 7);
    auto signature = key.sign_digest(digest).value();
    EXPECT_EQ(signature.size(), 2 * field);
    EXPECT_TRUE(key.verify_digest(digest, signature));
    EXPECT_FALSE(key.verify_digest(Bytes(digest_size, 8), signature));
    EXPECT_FALSE(EcKey::generate(curve).value().verify_digest(digest, signature));
    signature.back() ^= 1;
    EXPECT_FALSE(key.verify_digest(digest, signature));
    signature.pop_back();
    EXPECT_FALSE(key.verify_digest(digest, signature));
    EXPECT_FALSE(key.verify_digest(digest, Bytes(2 * field, 0)));
  }
}

TEST(EcKey, ComesBackFromItsPem) {
  auto key = EcKey::generate("P-521").value();
  auto pem = key.private_pem().value();
  auto again = EcKey::from_pem(as_text(pem.reveal())).value();
  EXPECT_EQ(again.curve(), "P-521");
  EXPECT_EQ(again.x(), key.x());
  EXPECT_TRUE(key.verify_digest(Bytes(64, 1), again.sign_digest(Bytes(64, 1)).value()));
}

// RFC 7515 appendix A.3's key.
TEST(EcKey, TakesTheNumbersOfAJwk) {
  auto x = base64url_decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").value();
  auto y = base64url_decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0").value();
  auto d = base64url_decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI").value();
  auto key = EcKey::from_coordinates("P-256", {x, y, d}).value();
  EXPECT_EQ(key.x(), x);
  EXPECT_EQ(key.y(), y);
  auto other = d;
  other.back() ^= 1;
  EXPECT_FALSE(EcKey::from_coordinates("P-256", {x, y, other}));
  auto off = y;
  off.back() ^= 1;
  EXPECT_FALSE(EcKey::from_coordinates("P-256", {x, off, d}));
  EXPECT_FALSE(EcKey::from_coordinates("P-384", {x, y, d}));
  EXPECT_FALSE(EcKey::from_coordinates("P-256", {x, y, {}}));
  EXPECT_FALSE(EcKey::from_coordinates("P-256", {Bytes(33, 1), y, d}));
}

TEST(EcKey, RefusesOtherCurvesAndTexts) {
  EXPECT_THAT(EcKey::generate("P-224"), IsError(ErrorCode::Invalid));
  EXPECT_THAT(EcKey::generate(""), IsError(ErrorCode::Invalid));
  EXPECT_THAT(EcKey::from_pem("nonsense"), IsError(ErrorCode::Invalid));
}

}  // namespace
}  // namespace latchkey::crypto
