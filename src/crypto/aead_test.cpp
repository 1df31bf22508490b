#include "crypto/aead.hpp"

#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "crypto/testing/wycheproof.hpp"

namespace latchkey::crypto {
namespace {

using testing::hex;
using testing::text;

AesKeyView key_view(const Bytes& key) {
  return AesKeyView(key.data(), kAesKeySize);
}
GcmNonceView nonce_view(const Bytes& nonce) {
  return GcmNonceView(nonce.data(), kGcmNonceSize);
}

Bytes joined(Bytes ciphertext, const Bytes& tag) {
  ciphertext.insert(ciphertext.end(), tag.begin(), tag.end());
  return ciphertext;
}

TEST(AesGcm, Wycheproof) {
  std::size_t checked = 0;
  testing::for_each_test(testing::read_wycheproof("aes_gcm_test.json"), [&](const auto& group, const auto& test) {
    const auto& parameters = group.as_object();
    if (parameters.at("keySize") != 256 || parameters.at("ivSize") != 96 || parameters.at("tagSize") != 128) return;
    ++checked;
    auto key = hex(test, "key");
    auto nonce = hex(test, "iv");
    auto message = hex(test, "msg");
    auto sealed = joined(hex(test, "ct"), hex(test, "tag"));
    auto aad = hex(test, "aad");
    Bytes opened(sealed.size() - kGcmTagSize, 0xee);
    auto result = gcm_open(key_view(key), nonce_view(nonce), sealed, aad, opened);
    if (text(test, "result") == "valid") {
      ASSERT_TRUE(result);
      EXPECT_EQ(opened, message);
      Bytes out(message.size() + kGcmTagSize);
      ASSERT_TRUE(gcm_seal(key_view(key), nonce_view(nonce), message, aad, out));
      EXPECT_EQ(out, sealed);
    } else {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code, ErrorCode::Corrupt);
      EXPECT_EQ(opened, Bytes(opened.size(), 0)) << "plaintext left behind";
    }
  });
  EXPECT_GT(checked, 60U);
}

// "Name = hex" lines; a blank line ends a case, FAIL marks one whose tag is wrong.
TEST(AesGcm, NistDecrypt256) {
  std::ifstream file(LATCHKEY_SOURCE_DIR "/tests/vectors/nist/gcmDecrypt256.rsp");
  ASSERT_TRUE(file.good());
  std::map<std::string, Bytes> values;
  bool fails = false;
  std::size_t checked = 0;
  auto check = [&] {
    if (values.empty()) return;
    auto sealed = joined(values["CT"], values["Tag"]);
    Bytes opened(values["CT"].size());
    auto result = gcm_open(key_view(values["Key"]), nonce_view(values["IV"]), sealed, values["AAD"], opened);
    EXPECT_EQ(static_cast<bool>(result), !fails) << "case " << checked;
    if (result && !fails) {
      EXPECT_EQ(opened, values["PT"]) << "case " << checked;
    }
    ++checked;
    values.clear();
    fails = false;
  };
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) check();
    if (line == "FAIL") fails = true;
    auto equals = line.find(" =");
    if (line.empty() || line[0] == '#' || line[0] == '[' || equals == std::string::npos || line.starts_with("Count"))
      continue;
    values[line.substr(0, equals)] = hex_decode(equals + 3 <= line.size() ? line.substr(equals + 3) : "").value();
  }
  check();
  EXPECT_GE(checked, 375U);
}

TEST(AesGcm, InPlace) {
  Bytes key(32, 1);
  Bytes nonce(12, 2);
  Bytes message(100, 3);
  Bytes buffer = message;
  buffer.resize(message.size() + kGcmTagSize);
  Bytes apart(buffer.size());
  ASSERT_TRUE(gcm_seal(key_view(key), nonce_view(nonce), message, {}, apart));
  ASSERT_TRUE(gcm_seal(key_view(key), nonce_view(nonce), ByteView(buffer).first(message.size()), {}, buffer));
  EXPECT_EQ(buffer, apart);
}

TEST(AesGcm, SizesThatDoNotFitAreRefused) {
  Bytes key(32);
  Bytes nonce(12);
  Bytes four(4);
  Bytes ten(10);
  EXPECT_EQ(gcm_seal(key_view(key), nonce_view(nonce), four, {}, ten).error().code, ErrorCode::Invalid);
  EXPECT_EQ(gcm_open(key_view(key), nonce_view(nonce), four, {}, ten).error().code, ErrorCode::Invalid);
  Bytes seventeen(17);
  EXPECT_EQ(gcm_open(key_view(key), nonce_view(nonce), seventeen, {}, ten).error().code, ErrorCode::Invalid);
}

// FIPS 197 appendix C.3.
TEST(AesBlocks, PublishedAnswer) {
  auto key = hex_decode("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f").value();
  auto block = hex_decode("00112233445566778899aabbccddeeff").value();
  aes256_blocks(key_view(key), block, block);
  EXPECT_EQ(hex_encode(block), "8ea2b7ca516745bfeafc49904b496089");
}

}  // namespace
}  // namespace latchkey::crypto
