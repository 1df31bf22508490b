#include "envelope/chunked_encryption.hpp"

#include <set>
#include <zlib.h>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "crypto/random.hpp"
#include "crypto/testing/wycheproof.hpp"
#include "envelope/reasons.hpp"
#include "testing/matchers.hpp"

namespace latchkey::envelope {
namespace {

using crypto::testing::hex;
using crypto::testing::text;
using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using ::testing::HasSubstr;

// The published messages are compressed, because two of them have 4 MiB.
Bytes inflated(ByteView compressed) {
  Bytes out(std::size_t{8} << 20);
  uLongf size = out.size();
  EXPECT_EQ(::uncompress(out.data(), &size, compressed.data(), compressed.size()), Z_OK);
  out.resize(size);
  return out;
}

std::string sha512(ByteView bytes) {
  Bytes digest(64);
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha512(), nullptr);
  return hex_encode(digest);
}

// Opens the prefix, then all chunks; `opened` receives what was authentic before a failure.
Result<void> open_all(ByteView key, ByteView context, ByteView message, Bytes& opened) {
  if (message.size() < kChunkedPrefixSize) return Error{ErrorCode::Corrupt, "", reason::kStreamTruncated};
  ChunkedKeys::Prefix prefix;
  std::copy_n(message.begin(), prefix.size(), prefix.begin());
  LATCHKEY_TRY(auto keys, ChunkedKeys::for_opening(key, context, prefix));
  auto chunks = message.subspan(kChunkedPrefixSize);
  for (std::uint64_t number = 0;; ++number) {
    bool is_end = chunks.size() < kSealedChunkSize;
    if (is_end) {
      LATCHKEY_TRYV(opened_chunks_size(chunks.size()));
    }
    auto sealed = chunks.first(std::min(chunks.size(), kSealedChunkSize));
    Bytes chunk(opened_run_size(sealed.size(), is_end));
    LATCHKEY_TRYV(keys.open(number, sealed, is_end, chunk));
    opened.insert(opened.end(), chunk.begin(), chunk.end());
    if (is_end) return success();
    chunks = chunks.subspan(sealed.size());
  }
}

// The reason for which a flawed message must be refused.
std::string expected_reason(const std::set<std::string>& flags, std::size_t size) {
  if (flags.contains("InvalidKeySize")) return "";
  if (size < kChunkedPrefixSize) return "stream_truncated";
  if (flags.contains("HeaderFailure")) return "stream_key_mismatch";
  return (size - kChunkedPrefixSize) % kSealedChunkSize < crypto::kGcmTagSize ? "stream_truncated" : "stream_corrupt";
}

TEST(ChunkedEncryption, Wycheproof) {
  auto file = crypto::testing::read_wycheproof("c2sp_chunked_encryption_aes_256_gcm_test.json");
  std::map<std::string, int> refused;
  auto count = crypto::testing::for_each_test(file, [&](const auto&, const auto& test) {
    auto key = hex(test, "key");
    auto message = inflated(hex(test, "ct"));
    std::set<std::string> flags;
    for (const auto& flag : test.as_object().at("flags").as_array()) flags.emplace(flag.as_string());
    Bytes opened;
    auto result = open_all(key, hex(test, "ctx"), message, opened);
    if (text(test, "result") == "valid") {
      ASSERT_TRUE(result) << result.error().message();
    } else {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().reason, expected_reason(flags, message.size())) << result.error().message();
      ++refused[std::string(result.error().reason.code())];
    }
    // For a flawed message: its longest good beginning.
    if (!test.as_object().contains("msgLength")) return;
    EXPECT_EQ(opened.size(), test.as_object().at("msgLength").template to_number<std::size_t>());
    EXPECT_EQ(sha512(opened), text(test, "msgSha512"));
  });
  EXPECT_EQ(count, 35U);
  EXPECT_EQ(refused.size(), 4U) << "keys of a wrong size, wrong keys, cut off, damaged";
}

class ChunkedKeysTest : public ::testing::Test {
 protected:
  static Bytes plaintext(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 16384);
    return bytes;
  }
  crypto::SystemRandom random_;
  Bytes key_ = Bytes(32, 1);
  ChunkedKeys keys_ = ChunkedKeys::for_sealing(key_, as_bytes("context"), random_).value();
};

TEST_F(ChunkedKeysTest, RunsOfAnyLengthAreTheSameMessage) {
  auto whole = plaintext(40 * kChunkSize + 5);
  Bytes sealed(sealed_run_size(whole.size(), true));
  ASSERT_TRUE(keys_.seal(0, whole, true, sealed));
  for (std::size_t run : {1U, 2U, 15U, 16U, 17U, 33U}) {
    Bytes parts(sealed.size());
    Bytes opened(whole.size());
    for (std::size_t first = 0; first <= 40; first += run) {
      bool is_end = first + run > 40;
      auto in = ByteView(whole).subspan(first * kChunkSize);
      auto out = MutableBytes(parts).subspan(first * kSealedChunkSize);
      auto back = MutableBytes(opened).subspan(first * kChunkSize);
      if (!is_end) {
        in = in.first(run * kChunkSize);
        out = out.first(run * kSealedChunkSize);
        back = back.first(run * kChunkSize);
      }
      ASSERT_TRUE(keys_.seal(first, in, is_end, out));
      ASSERT_TRUE(keys_.open(first, out, is_end, back));
    }
    EXPECT_EQ(parts, sealed) << run;
    EXPECT_EQ(opened, whole) << run;
  }
}

TEST_F(ChunkedKeysTest, ADamagedChunkIsNamedAndNothingBehindItIsLeft) {
  auto whole = plaintext(20 * kChunkSize);
  Bytes sealed(sealed_run_size(whole.size(), true));
  ASSERT_TRUE(keys_.seal(100, whole, true, sealed));
  for (std::size_t chunk : {0U, 7U, 15U, 16U, 19U, 20U}) {
    auto damaged = sealed;
    damaged[chunk * kSealedChunkSize + 3] ^= 1;
    Bytes opened(whole.size(), 0xee);
    auto result = keys_.open(100, damaged, true, opened);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, "stream_corrupt");
    EXPECT_THAT(result.error().message(), HasSubstr(fmt::format("chunk {} of the stream", 100 + chunk)));
    auto expected = whole;
    std::fill(expected.begin() + static_cast<std::ptrdiff_t>(chunk * kChunkSize), expected.end(), std::uint8_t{0});
    EXPECT_EQ(opened, expected) << chunk;
  }
}

TEST_F(ChunkedKeysTest, SizesThatDoNotFitAreRefused) {
  Bytes chunk(kChunkSize);
  Bytes out(kSealedChunkSize);
  EXPECT_THAT(keys_.seal(0, ByteView(chunk).first(5), false, MutableBytes(out).first(21)), IsError(ErrorCode::Invalid));
  EXPECT_THAT(keys_.seal(0, chunk, true, out), IsError(ErrorCode::Invalid));
  EXPECT_THAT(keys_.open(0, ByteView(out).first(100), false, MutableBytes(chunk).first(84)),
              IsError(ErrorCode::Invalid));
  EXPECT_THAT(keys_.open(0, out, false, MutableBytes(chunk).first(5)), IsError(ErrorCode::Invalid));
  EXPECT_THAT(keys_.open(0, out, true, chunk), IsErrorFor("stream_truncated"));
  EXPECT_TRUE(keys_.seal(0, {}, false, {}));
  EXPECT_TRUE(keys_.open(0, {}, false, {}));
}

TEST_F(ChunkedKeysTest, NothingIsSealedPastTheLastChunk) {
  Bytes chunk(kChunkSize);
  Bytes out(kSealedChunkSize + crypto::kGcmTagSize);
  auto last = kMaxChunks - 1;
  EXPECT_TRUE(keys_.seal(last, ByteView(chunk).first(5), true, MutableBytes(out).first(21)));
  EXPECT_THAT(keys_.seal(last, chunk, true, out), IsErrorFor("stream_too_large"));
  EXPECT_THAT(keys_.open(last, out, true, chunk), IsErrorFor("stream_too_large"));
}

TEST(ChunkSizes, GoThereAndBack) {
  for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{16383}, std::uint64_t{16384},
                             std::uint64_t{16385}, std::uint64_t{1} << 40, kMaxStreamSize}) {
    EXPECT_EQ(opened_chunks_size(sealed_chunks_size(size)).value(), size);
  }
  EXPECT_THAT(opened_chunks_size(sealed_chunks_size(kMaxStreamSize) + 17), IsErrorFor("stream_too_large"));
  for (std::uint64_t size : {0U, 1U, 15U, 16400U, 16415U, 32800U}) {
    EXPECT_THAT(opened_chunks_size(size), IsErrorFor("stream_truncated")) << size;
  }
}

}  // namespace
}  // namespace latchkey::envelope
