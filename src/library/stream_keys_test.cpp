#include "library/stream_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/random.hpp"
#include "library/testing/fake_lease_source.hpp"
#include "testing/matchers.hpp"

namespace latchkey::library {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using std::chrono::seconds;
using testing::FakeLeaseSource;
using testing::kKeyDisabled;
using testing::raw;

class StreamKeysTest : public ::testing::Test {
 protected:
  envelope::StreamCipher new_cipher() {
    auto lease = keys_.for_encryption().value();
    return envelope::StreamCipher::for_sealing(*lease.key, lease.compartment, context_, random_).value();
  }
  // The customer's key refuses, and another caller receives the refusal.
  void refuse() {
    source_.fail_with(ErrorCode::Invalid, kKeyDisabled);
    EXPECT_FALSE(keys_.for_decryption(raw(2)));
  }

  ManualClock clock_{Timestamp(seconds(1'800'000'000))};
  crypto::SystemRandom random_;
  FakeLeaseSource source_{clock_};
  LeasedKeys keys_{source_, clock_};
  envelope::CanonicalContext context_ = envelope::canonicalize({{"table", "cards"}}).value();
  envelope::StreamCipher cipher_ = new_cipher();
  StreamKeys stream_{keys_, raw(1), context_, cipher_};
};

TEST_F(StreamKeysTest, ARefusalWipesThemThoughNobodyUsesTheStream) {
  ASSERT_TRUE(stream_.begin());
  stream_.end();
  EXPECT_TRUE(cipher_.has_keys());
  refuse();
  EXPECT_FALSE(cipher_.has_keys());
  auto begun = stream_.begin();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().reason, kKeyDisabled);
}

TEST_F(StreamKeysTest, ARefusalEndsAUseBeforeItsNextPieceAndWipesBehindIt) {
  ASSERT_TRUE(stream_.begin());
  ASSERT_TRUE(stream_.may_go_on());
  refuse();
  EXPECT_TRUE(cipher_.has_keys()) << "the use under way still needs them";
  EXPECT_THAT(stream_.may_go_on(), IsErrorFor(kKeyDisabled));
  stream_.end();
  EXPECT_FALSE(cipher_.has_keys());
}

TEST_F(StreamKeysTest, TheEndOfTheLeaseWipesThem) {
  clock_.advance(seconds(60));
  (void)keys_.sweep();
  EXPECT_FALSE(cipher_.has_keys());
}

TEST_F(StreamKeysTest, AStreamGoesOnWhereItsKeyIsLeasedAgain) {
  envelope::StreamEncryptor encryptor(new_cipher(), 1);
  StreamKeys stream(keys_, raw(1), context_, encryptor.cipher());
  Bytes sealed;
  auto sink = [&](ByteView part) -> Result<void> {
    sealed.insert(sealed.end(), part.begin(), part.end());
    return success();
  };
  Bytes plaintext(700'000, 7);
  ASSERT_TRUE(stream.begin());
  ASSERT_TRUE(encryptor.write(plaintext, sink));
  stream.end();
  refuse();
  EXPECT_FALSE(encryptor.cipher().has_keys());
  source_.lease_again();
  ASSERT_TRUE(stream.begin());
  ASSERT_TRUE(encryptor.write(plaintext, sink));
  ASSERT_TRUE(encryptor.finish(sink));
  stream.end();

  auto lease = keys_.for_decryption(raw(1)).value();
  auto opener = envelope::StreamCipher::for_opening(*lease.key, lease.compartment, context_,
                                                    ByteView(sealed).first(envelope::kStreamPrefixSize));
  auto read_at = [&](std::uint64_t offset, MutableBytes out) -> Result<void> {
    std::copy_n(sealed.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return success();
  };
  auto reader = envelope::StreamReader::open(std::move(opener).value(), sealed.size(), read_at).value();
  Bytes opened(2 * plaintext.size());
  EXPECT_EQ(reader.read(0, opened).value(), opened.size());
  EXPECT_EQ(opened, Bytes(opened.size(), 7));
}

TEST_F(StreamKeysTest, WithoutKeysNothingIsSealedAndNothingOpened) {
  envelope::StreamEncryptor encryptor(new_cipher(), 1);
  encryptor.cipher().forget();
  auto sink = [](ByteView) -> Result<void> { return success(); };
  EXPECT_THAT(encryptor.finish(sink), IsError(ErrorCode::Conflict));
}

TEST_F(StreamKeysTest, AnOutageIsBridgedToTheEndOfTheLease) {
  source_.fail_with(ErrorCode::Unavailable);
  clock_.advance(seconds(59));
  ASSERT_TRUE(stream_.begin());
  EXPECT_TRUE(stream_.may_go_on());
  clock_.advance(seconds(1));
  EXPECT_THAT(stream_.may_go_on(), IsError(ErrorCode::Unavailable));
  stream_.end();
  EXPECT_FALSE(cipher_.has_keys());
}

// The lease is dropped between the response and the derivation from its key.
TEST_F(StreamKeysTest, WhatWasDerivedTooLateGoesWithItsUse) {
  refuse();
  source_.lease_again();
  ASSERT_TRUE(stream_.begin());
  keys_.clear();
  stream_.end();
  EXPECT_FALSE(cipher_.has_keys());
}

}  // namespace
}  // namespace latchkey::library
