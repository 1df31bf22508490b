#include "crypto/rsa.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/testing/wycheproof.hpp"
#include "testing/matchers.hpp"

namespace latchkey::crypto {
namespace {

using latchkey::testing::IsError;
using testing::hex;
using testing::text;

const RsaKey& test_key() {
  static const RsaKey kKey = RsaKey::generate(2048).value();
  return kKey;
}

void check_oaep(const std::string& file) {
  std::size_t labelled = 0;
  auto count = testing::for_each_test(testing::read_wycheproof(file), [&](const auto& group, const auto& test) {
    auto key = RsaKey::from_pem(text(group, "privateKeyPem"));
    ASSERT_TRUE(key) << key.error().message();
    auto opened = key.value().decrypt(RsaEncryption::OaepSha256, hex(test, "ct"));
    // Key Vault has no labels, and neither have we: what was encrypted with a label does not decrypt without it.
    bool has_label = !hex(test, "label").empty();
    labelled += has_label ? 1 : 0;
    auto result = text(test, "result");
    if (result == "invalid" || has_label) {
      ASSERT_FALSE(opened);
      EXPECT_EQ(opened.error().code, ErrorCode::Corrupt);
    } else if (result == "valid") {
      ASSERT_TRUE(opened);
      EXPECT_EQ(to_bytes(opened.value().reveal()), hex(test, "msg"));
    } else if (opened) {
      EXPECT_EQ(to_bytes(opened.value().reveal()), hex(test, "msg"));
    }
  });
  EXPECT_EQ(count, 37U);
  EXPECT_LT(labelled, 10U);
}

TEST(RsaOaep, Wycheproof3072) {
  check_oaep("rsa_oaep_3072_sha256_mgf1sha256_test.json");
}
TEST(RsaOaep, Wycheproof4096) {
  check_oaep("rsa_oaep_4096_sha256_mgf1sha256_test.json");
}

TEST(RsaKey, EncryptsUpToItsLimitAndNotPast) {
  for (auto [padding, limit] :
       {std::pair{RsaEncryption::OaepSha256, 190U}, {RsaEncryption::OaepSha1, 214U}, {RsaEncryption::Pkcs1v15, 245U}}) {
    EXPECT_EQ(test_key().max_plaintext(padding), limit);
    Bytes message(limit, 7);
    auto sealed = test_key().encrypt(padding, message);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(sealed.value().size(), 256U);
    auto opened = test_key().decrypt(padding, sealed.value());
    ASSERT_TRUE(opened);
    EXPECT_EQ(to_bytes(opened.value().reveal()), message);
    message.push_back(7);
    EXPECT_THAT(test_key().encrypt(padding, message), IsError(ErrorCode::Invalid));
  }
}

TEST(RsaKey, RefusesDamagedCiphertextsWithOneMessage) {
  auto sealed = test_key().encrypt(RsaEncryption::OaepSha256, as_bytes("secret")).value();
  auto damaged = sealed;
  damaged[100] ^= 1;
  auto shorter = sealed;
  shorter.pop_back();
  auto first = test_key().decrypt(RsaEncryption::OaepSha256, damaged);
  auto second = test_key().decrypt(RsaEncryption::OaepSha256, shorter);
  ASSERT_FALSE(first);
  ASSERT_FALSE(second);
  EXPECT_EQ(first.error().message(), second.error().message());
  EXPECT_EQ(first.error().code, ErrorCode::Corrupt);
}

TEST(RsaKey, SignsAndVerifies) {
  for (auto algorithm : {RsaSignature::Rs256, RsaSignature::Rs384, RsaSignature::Rs512, RsaSignature::Ps256,
                         RsaSignature::Ps384, RsaSignature::Ps512}) {
    auto signature = test_key().sign(algorithm, as_bytes("message"));
    ASSERT_TRUE(signature);
    EXPECT_TRUE(test_key().verify(algorithm, as_bytes("message"), signature.value()));
    EXPECT_FALSE(test_key().verify(algorithm, as_bytes("massage"), signature.value()));
    auto damaged = signature.value();
    damaged[0] ^= 1;
    EXPECT_FALSE(test_key().verify(algorithm, as_bytes("message"), damaged));
  }
  auto signature = test_key().sign(RsaSignature::Rs256, as_bytes("message")).value();
  EXPECT_FALSE(test_key().verify(RsaSignature::Ps256, as_bytes("message"), signature));
  EXPECT_THAT(test_key().sign_digest(RsaSignature::Rs256, as_bytes("short")), IsError(ErrorCode::Invalid));
}

TEST(RsaKey, TravelsAsPemAndAsNumbers) {
  auto pem = test_key().private_pem().value();
  auto copy = RsaKey::from_pem(as_text(pem.reveal()));
  ASSERT_TRUE(copy);
  EXPECT_TRUE(copy.value().has_private());
  EXPECT_EQ(copy.value().modulus(), test_key().modulus());
  auto pub = RsaKey::from_pem(test_key().public_pem());
  ASSERT_TRUE(pub);
  EXPECT_FALSE(pub.value().has_private());
  EXPECT_THAT(pub.value().private_pem(), IsError(ErrorCode::Invalid));
  auto numbers = RsaKey::from_public(test_key().modulus(), test_key().exponent());
  ASSERT_TRUE(numbers);
  auto signature = test_key().sign(RsaSignature::Rs256, as_bytes("m")).value();
  EXPECT_TRUE(numbers.value().verify(RsaSignature::Rs256, as_bytes("m"), signature));
  EXPECT_EQ(numbers.value().exponent(), (Bytes{1, 0, 1}));
  EXPECT_EQ(numbers.value().bits(), 2048U);
}

TEST(RsaKey, RefusesWhatIsNoSuchKey) {
  EXPECT_THAT(RsaKey::generate(1024), IsError(ErrorCode::Invalid));
  EXPECT_THAT(RsaKey::generate(3000), IsError(ErrorCode::Invalid));
  for (std::string_view bad : {"", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
    EXPECT_THAT(RsaKey::from_pem(bad), IsError(ErrorCode::Invalid)) << bad;
  }
  Bytes exponent{1, 0, 1};
  auto even = test_key().modulus();
  even.back() &= 0xfe;
  EXPECT_FALSE(RsaKey::from_public(even, exponent));
  EXPECT_FALSE(RsaKey::from_public(Bytes(128, 0xff), exponent));
  EXPECT_FALSE(RsaKey::from_public(Bytes(2000, 0xff), exponent));
  EXPECT_FALSE(RsaKey::from_public({}, exponent));
  EXPECT_FALSE(RsaKey::from_public(test_key().modulus(), {}));
  EXPECT_FALSE(RsaKey::from_public(test_key().modulus(), Bytes{1}));
}

}  // namespace
}  // namespace latchkey::crypto
