#include "crypto/aead.hpp"

#include <fstream>
#include <map>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/testing/wycheproof.hpp"
#include "testing/matchers.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::crypto {
namespace {

using latchkey::testing::IsError;
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

// Checks a known answer through each entry point: message by message, and with a prepared key, alone and behind other
// messages.
void check_known_answer(const Bytes& key, const Bytes& nonce, const Bytes& aad, const Bytes& sealed,
                        const std::optional<Bytes>& plaintext) {
  GcmKey ready(key_view(key));
  std::array<std::uint8_t, kGcmNonceSize> at;
  std::copy_n(nonce.begin(), at.size(), at.begin());
  const auto size = sealed.size() - kGcmTagSize;
  if (plaintext) {
    Bytes out(sealed.size());
    ASSERT_TRUE(gcm_seal(key_view(key), nonce_view(nonce), *plaintext, aad, out));
    EXPECT_EQ(out, sealed);
    std::vector<Bytes> outs(3, Bytes(sealed.size()));
    std::vector<GcmMessage> messages;
    for (auto& each : outs) messages.push_back({at, *plaintext, aad, each});
    ASSERT_TRUE(ready.seal(messages));
    EXPECT_EQ(outs, std::vector<Bytes>(3, sealed));
  }
  const auto left = plaintext.value_or(Bytes(size, 0));
  Bytes opened(size, 0xee);
  auto result = gcm_open(key_view(key), nonce_view(nonce), sealed, aad, opened);
  ASSERT_EQ(static_cast<bool>(result), plaintext.has_value());
  if (!result) {
    EXPECT_EQ(result.error().code, ErrorCode::Corrupt);
  }
  EXPECT_EQ(opened, left);
  std::vector<Bytes> outs(3, Bytes(size, 0xee));
  std::vector<GcmMessage> messages;
  for (auto& each : outs) messages.push_back({at, sealed, aad, each});
  EXPECT_EQ(ready.open(messages).value(), plaintext ? 3U : 0U);
  EXPECT_EQ(outs, std::vector<Bytes>(3, left));
}

TEST(AesGcm, Wycheproof) {
  std::size_t checked = 0;
  testing::for_each_test(testing::read_wycheproof("aes_gcm_test.json"), [&](const auto& group, const auto& test) {
    const auto& parameters = group.as_object();
    if (parameters.at("keySize") != 256 || parameters.at("ivSize") != 96 || parameters.at("tagSize") != 128) return;
    ++checked;
    auto key = hex(test, "key");
    auto nonce = hex(test, "iv");
    auto sealed = joined(hex(test, "ct"), hex(test, "tag"));
    bool is_valid = text(test, "result") == "valid";
    check_known_answer(key, nonce, hex(test, "aad"), sealed, is_valid ? std::optional(hex(test, "msg")) : std::nullopt);
  });
  EXPECT_EQ(checked, 66U);
}

// The file has "Name = hex" lines; a blank line ends a case, and FAIL marks a case whose tag is wrong.
TEST(AesGcm, NistDecrypt256) {
  std::ifstream file(latchkey::testing::source_path("tests/vectors/nist/gcmDecrypt256.rsp"));
  ASSERT_TRUE(file.good());
  std::map<std::string, Bytes> values;
  bool fails = false;
  std::size_t checked = 0;
  auto check = [&] {
    if (values.empty()) return;
    auto sealed = joined(values["CT"], values["Tag"]);
    SCOPED_TRACE("case " + std::to_string(checked));
    check_known_answer(values["Key"], values["IV"], values["AAD"], sealed,
                       fails ? std::nullopt : std::optional(values["PT"]));
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
  EXPECT_EQ(checked, 375U);
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
  EXPECT_THAT(gcm_seal(key_view(key), nonce_view(nonce), four, {}, ten), IsError(ErrorCode::Invalid));
  EXPECT_THAT(gcm_open(key_view(key), nonce_view(nonce), four, {}, ten), IsError(ErrorCode::Invalid));
  Bytes seventeen(17);
  EXPECT_THAT(gcm_open(key_view(key), nonce_view(nonce), seventeen, {}, ten), IsError(ErrorCode::Invalid));
}

TEST(AesGcm, OpensInPlaceAndLeavesNothingWhereItDoesNot) {
  Bytes key(32, 1);
  Bytes nonce(12, 2);
  Bytes message(100, 3);
  Bytes buffer(message.size() + kGcmTagSize);
  ASSERT_TRUE(gcm_seal(key_view(key), nonce_view(nonce), message, {}, buffer));
  auto damaged = buffer;
  auto front = [&](Bytes& bytes) { return MutableBytes(bytes).first(message.size()); };
  ASSERT_TRUE(gcm_open(key_view(key), nonce_view(nonce), buffer, {}, front(buffer)));
  EXPECT_EQ(to_bytes(front(buffer)), message);
  damaged.back() ^= 1;
  ASSERT_FALSE(gcm_open(key_view(key), nonce_view(nonce), damaged, {}, front(damaged)));
  EXPECT_EQ(to_bytes(front(damaged)), Bytes(message.size(), 0));
}

TEST(AesGcm, PiecesAreOneMessage) {
  Bytes key(32, 1);
  Bytes nonce(12, 2);
  Bytes message(700, 3);
  Bytes whole(message.size() + kGcmTagSize);
  ASSERT_TRUE(gcm_seal(key_view(key), nonce_view(nonce), message, as_bytes("aad"), whole));
  for (std::size_t at = 0; at <= message.size(); at += 7) {
    const ByteView pieces[] = {ByteView(message).first(at), {}, ByteView(message).subspan(at)};
    Bytes out(whole.size());
    ASSERT_TRUE(gcm_seal(key_view(key), nonce_view(nonce), pieces, as_bytes("aad"), out));
    EXPECT_EQ(out, whole) << at;
  }
  const ByteView pieces[] = {message, message};
  EXPECT_THAT(gcm_seal(key_view(key), nonce_view(nonce), pieces, {}, whole), IsError(ErrorCode::Invalid));
  Bytes tag(kGcmTagSize);
  EXPECT_TRUE(gcm_seal(key_view(key), nonce_view(nonce), std::span<const ByteView>(), {}, tag));
}

class GcmKeyTest : public ::testing::Test {
 protected:
  GcmMessage message(std::uint8_t number, ByteView in, MutableBytes out) const { return {{number}, in, aad_, out}; }
  GcmKey key_{key_view(Bytes(32, 7))};
  Bytes aad_ = Bytes(20, 1);
};

TEST_F(GcmKeyTest, SealsAndOpensManyAsOneByOne) {
  std::vector<Bytes> plain;
  for (std::size_t size : {0U, 1U, 100U, 400U, 16384U}) plain.emplace_back(size, static_cast<std::uint8_t>(size));
  std::vector<Bytes> sealed(plain.size());
  std::vector<Bytes> opened(plain.size());
  std::vector<GcmMessage> to_seal;
  std::vector<GcmMessage> to_open;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    sealed[i].resize(plain[i].size() + kGcmTagSize);
    opened[i].resize(plain[i].size());
    to_seal.push_back(message(static_cast<std::uint8_t>(i), plain[i], sealed[i]));
    to_open.push_back(message(static_cast<std::uint8_t>(i), sealed[i], opened[i]));
  }
  ASSERT_TRUE(key_.seal(to_seal));
  for (std::size_t i = 0; i < plain.size(); ++i) {
    Bytes alone(sealed[i].size());
    ASSERT_TRUE(gcm_seal(key_view(Bytes(32, 7)), to_seal[i].nonce, plain[i], aad_, alone));
    EXPECT_EQ(sealed[i], alone);
  }
  EXPECT_EQ(key_.open(to_open).value(), plain.size());
  EXPECT_EQ(opened, plain);
}

TEST_F(GcmKeyTest, StopsAtTheFirstThatDoesNotFit) {
  std::vector<Bytes> sealed(4, Bytes(50 + kGcmTagSize));
  std::vector<Bytes> opened(4, Bytes(50, 0xee));
  std::vector<GcmMessage> to_open;
  Bytes plain(50, 9);
  for (std::uint8_t i = 0; i < 4; ++i) {
    auto one = message(i, plain, sealed[i]);
    ASSERT_TRUE(key_.seal({&one, 1}));
    to_open.push_back(message(i, sealed[i], opened[i]));
  }
  sealed[2][10] ^= 4;
  EXPECT_EQ(key_.open(to_open).value(), 2U);
  EXPECT_EQ(opened, (std::vector<Bytes>{plain, plain, Bytes(50, 0), Bytes(50, 0)}));
}

TEST_F(GcmKeyTest, RefusesSizesBeforeItWritesAnything) {
  Bytes plain(50, 9);
  Bytes good(66, 0xee);
  Bytes bad(65);
  const GcmMessage both[] = {message(0, plain, good), message(1, plain, bad)};
  EXPECT_THAT(key_.seal(both), IsError(ErrorCode::Invalid));
  EXPECT_EQ(good, Bytes(66, 0xee));
  const GcmMessage opens[] = {message(0, good, plain), message(1, bad, plain)};
  EXPECT_THAT(key_.open(opens), IsError(ErrorCode::Invalid));
  Bytes few(15);
  const GcmMessage tiny[] = {message(0, few, {})};
  EXPECT_THAT(key_.open(tiny), IsError(ErrorCode::Invalid));
}

// FIPS 197 appendix C.3.
TEST(AesBlocks, KnownAnswer) {
  auto key = hex_decode("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f").value();
  auto block = hex_decode("00112233445566778899aabbccddeeff").value();
  AesSchedule(key_view(key)).encrypt_blocks(block, block);
  EXPECT_EQ(hex_encode(block), "8ea2b7ca516745bfeafc49904b496089");
}

}  // namespace
}  // namespace latchkey::crypto
