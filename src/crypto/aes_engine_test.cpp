#include "crypto/aes_engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace latchkey::crypto {
namespace {

using ::testing::HasSubstr;

// Repeats the same numbers in every run.
class Numbers {
 public:
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  Bytes bytes(std::size_t size) {
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(next());
    return out;
  }

 private:
  std::uint64_t state_ = 88172645463325252ULL;
};

// Sizes around the widths of the vector instructions and around the limit for short messages.
std::vector<std::size_t> sizes() {
  std::vector<std::size_t> all;
  for (std::size_t size = 0; size <= 80; ++size) all.push_back(size);
  for (std::size_t edge : {128U, 256U, 320U, 512U, 768U, 1024U, 4096U, 16384U}) {
    for (std::size_t size = edge - 1; size <= edge + 17; ++size) all.push_back(size);
  }
  all.push_back(100'000);
  return all;
}

class Prepared {
 public:
  Prepared(const AesEngine& engine, ByteView key, std::size_t typical) : engine_(engine), memory_(sizeof(GcmState)) {
    engine.prepare(key.first<kAesKeySize>(), typical, state());
  }
  Bytes seal(ByteView nonce, ByteView plaintext, ByteView aad) {
    Bytes out(plaintext.size() + kGcmTagSize);
    auto message = make(nonce, plaintext, aad, out);
    EXPECT_TRUE(engine_.seal(state(), {&message, 1}));
    return out;
  }
  Bytes seal_pieces(ByteView nonce, std::span<const ByteView> pieces, std::size_t size, ByteView aad) {
    Bytes out(size + kGcmTagSize);
    EXPECT_TRUE(engine_.seal_pieces(state(), nonce.first<kGcmNonceSize>(), pieces, aad, out));
    return out;
  }
  std::optional<Bytes> open(ByteView nonce, ByteView sealed, ByteView aad) {
    Bytes out(sealed.size() - kGcmTagSize, 0xee);
    auto message = make(nonce, sealed, aad, out);
    if (engine_.open(state(), {&message, 1}).value() == 1) return out;
    EXPECT_EQ(out, Bytes(out.size(), 0));
    return std::nullopt;
  }

 private:
  static GcmMessage make(ByteView nonce, ByteView in, ByteView aad, MutableBytes out) {
    GcmMessage message{{}, in, aad, out};
    std::copy_n(nonce.begin(), kGcmNonceSize, message.nonce.begin());
    return message;
  }
  GcmState& state() { return *reinterpret_cast<GcmState*>(memory_.mutable_view().data()); }

  const AesEngine& engine_;
  SecretBytes memory_;
};

TEST(AesEngines, AgreeOnRandomMessagesOfEverySize) {
  Numbers numbers;
  for (auto size : sizes()) {
    auto key = numbers.bytes(kAesKeySize);
    auto nonce = numbers.bytes(kGcmNonceSize);
    auto plaintext = numbers.bytes(size);
    auto aad = numbers.bytes(numbers.next() % 100);
    auto expected = Prepared(openssl_engine(), key, size).seal(nonce, plaintext, aad);
    for (const auto* engine : aes_engines()) {
      for (std::size_t typical : {std::size_t{0}, std::size_t{16384}}) {
        Prepared prepared(*engine, key, typical);
        EXPECT_EQ(prepared.seal(nonce, plaintext, aad), expected) << engine->name() << " " << size;
        EXPECT_EQ(prepared.open(nonce, expected, aad), plaintext) << engine->name() << " " << size;
        auto damaged = expected;
        damaged[numbers.next() % damaged.size()] ^= 1;
        EXPECT_EQ(prepared.open(nonce, damaged, aad), std::nullopt) << engine->name() << " " << size;
      }
    }
  }
}

TEST(AesEngines, SealPiecesAsTheWhole) {
  Numbers numbers;
  auto key = numbers.bytes(kAesKeySize);
  auto nonce = numbers.bytes(kGcmNonceSize);
  auto aad = numbers.bytes(36);
  for (auto size : sizes()) {
    auto plaintext = numbers.bytes(size);
    auto expected = Prepared(openssl_engine(), key, size).seal(nonce, plaintext, aad);
    std::vector<ByteView> pieces;
    for (ByteView rest = plaintext; !rest.empty();) {
      auto part = std::min<std::size_t>(rest.size(), numbers.next() % (size / 3 + 2));
      pieces.push_back(rest.first(part));
      rest = rest.subspan(part);
    }
    for (const auto* engine : aes_engines()) {
      EXPECT_EQ(Prepared(*engine, key, size).seal_pieces(nonce, pieces, size, aad), expected)
          << engine->name() << " " << size << " in " << pieces.size();
    }
  }
}

TEST(AesEngines, AgreeOnBlocks) {
  Numbers numbers;
  for (std::size_t count = 0; count <= 40; ++count) {
    auto key = numbers.bytes(kAesKeySize);
    auto blocks = numbers.bytes(count * kAesBlockSize);
    std::vector<Bytes> results;
    for (const auto* engine : aes_engines()) {
      SecretBytes schedule(kAesScheduleSize);
      engine->expand(ByteView(key).first<kAesKeySize>(), schedule.mutable_view().first<kAesScheduleSize>());
      Bytes out(blocks.size());
      engine->encrypt_blocks(schedule.reveal().first<kAesScheduleSize>(), blocks, out);
      results.push_back(out);
      auto in_place = blocks;
      engine->encrypt_blocks(schedule.reveal().first<kAesScheduleSize>(), in_place, in_place);
      EXPECT_EQ(in_place, out) << engine->name();
    }
    for (const auto& result : results) EXPECT_EQ(result, results.front()) << count;
  }
}

TEST(AesEngines, AreFoundByName) {
  EXPECT_EQ(find_aes_engine("").value(), aes_engines().front());
  EXPECT_EQ(find_aes_engine("openssl").value(), &openssl_engine());
  if (ipsec_mb_engine() != nullptr) {
    EXPECT_EQ(find_aes_engine("ipsec-mb").value(), ipsec_mb_engine());
  }
  auto none = find_aes_engine("OpenSSL");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::Invalid);
  EXPECT_THAT(none.error().message(), HasSubstr("LATCHKEY_AEAD=OpenSSL: there are openssl and ipsec-mb"));
}

TEST(AesEngines, TheEnvironmentDecides) {
  const char* wanted = std::getenv("LATCHKEY_AEAD");
  EXPECT_EQ(aead_name(), wanted == nullptr ? aes_engines().front()->name() : wanted);
  EXPECT_TRUE(check_aead_choice());
}

}  // namespace
}  // namespace latchkey::crypto
