#include "envelope/stream.hpp"

#include <future>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/random.hpp"
#include "envelope/testing/sample_parts.hpp"
#include "testing/matchers.hpp"

namespace latchkey::envelope {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using latchkey::testing::IsErrorThatSays;
using testing::append_to;
using testing::compartment;
using testing::form;
using ::testing::HasSubstr;
using testing::key;
using testing::plaintext_of;
using testing::raw_id;

// Writes in pieces of `piece` bytes.
Bytes seal(ByteView plaintext, std::size_t piece = 1 << 20, unsigned threads = 1, const Context& context = {}) {
  crypto::SystemRandom random;
  StreamEncryptor encryptor(StreamCipher::for_sealing(key(), compartment(), form(context), random).value(), threads);
  Bytes out;
  for (auto left = plaintext; !left.empty();) {
    auto part = left.first(std::min(piece, left.size()));
    EXPECT_TRUE(encryptor.write(part, append_to(out)));
    left = left.subspan(part.size());
  }
  EXPECT_TRUE(encryptor.finish(append_to(out)));
  return out;
}

struct How {
  std::size_t piece = 1 << 20;
  unsigned threads = 1;
  std::uint8_t key = 1;
  std::uint8_t key_id = 9;
  std::uint8_t compartment = 5;
  Context context = {};
};

// `partial` receives the output before an error.
Result<Bytes> open(ByteView stream, const How& how = {}, Bytes* partial = nullptr) {
  Bytes out;
  auto run = [&]() -> Result<void> {
    LATCHKEY_TRYV(stream_data_key_id(stream));
    auto prefix = stream.first(std::min(stream.size(), kStreamPrefixSize));
    LATCHKEY_TRY(auto cipher, StreamCipher::for_opening(key(how.key, how.key_id), compartment(how.compartment),
                                                        form(how.context), prefix));
    StreamDecryptor decryptor(std::move(cipher), how.threads);
    for (auto left = stream.subspan(kStreamPrefixSize); !left.empty();) {
      auto part = left.first(std::min(how.piece, left.size()));
      LATCHKEY_TRYV(decryptor.write(part, append_to(out)));
      left = left.subspan(part.size());
    }
    return decryptor.finish(append_to(out));
  };
  auto done = run();
  if (partial != nullptr) *partial = out;
  if (!done) return done.error();
  return out;
}

std::string reason(ByteView stream, const How& how = {}) {
  auto opened = open(stream, how);
  return std::string(opened ? "opened" : opened.error().reason.code());
}

std::vector<std::size_t> stream_sizes() {
  std::vector<std::size_t> all{0, 1, 15, 16, 17, 1000};
  for (std::size_t chunks : {1U, 2U, 3U, 16U, 32U, 33U}) {
    for (std::size_t at : {chunks * kChunkSize - 1, chunks * kChunkSize, chunks * kChunkSize + 1}) all.push_back(at);
  }
  return all;
}

TEST(Stream, OpensWhatItSealedAtEverySizeInAnyPieces) {
  for (auto size : stream_sizes()) {
    auto plaintext = plaintext_of(size);
    for (std::size_t piece : {997U, 16384U, 16400U, 70000U, 1U << 20}) {
      for (unsigned threads : {1U, 2U, 3U}) {
        auto stream = seal(plaintext, piece, threads);
        ASSERT_EQ(stream.size(), sealed_stream_size(size));
        EXPECT_EQ(opened_stream_size(stream.size()).value(), size);
        auto opened = open(stream, {.piece = piece + 1, .threads = 4 - threads});
        ASSERT_TRUE(opened) << size << " " << piece << " " << threads << " " << opened.error().message();
        EXPECT_EQ(opened.value(), plaintext) << size << " " << piece << " " << threads;
      }
    }
  }
}

TEST(Stream, ByteByByte) {
  auto plaintext = plaintext_of(kChunkSize + 3);
  EXPECT_EQ(open(seal(plaintext, 1), {.piece = 1}).value(), plaintext);
}

TEST(Stream, HasTheDocumentedLayout) {
  auto stream = seal(as_bytes("x"));
  EXPECT_EQ(to_bytes(ByteView(stream).first(4)), (Bytes{'L', 'K', 1, 2}));
  EXPECT_EQ(stream_data_key_id(stream).value(), raw_id(9));
  EXPECT_EQ(stream.size(), 20U + 24 + 32 + 1 + 16);
}

TEST(Stream, EveryFlippedBitIsRefusedAsWhatItIs) {
  auto stream = seal(plaintext_of(40), 100, 1, {{"a", "b"}});
  for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
    auto damaged = stream;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    auto expected = bit < 4 * 8                   ? "not_a_stream"
                    : bit < kStreamHeaderSize * 8 ? "wrong_data_key"
                    : bit < kStreamPrefixSize * 8 ? "stream_key_mismatch"
                                                  : "stream_corrupt";
    EXPECT_EQ(reason(damaged, {.context = {{"a", "b"}}}), expected) << "bit " << bit;
  }
}

TEST(Stream, EveryTruncationIsRefusedAsWhatItIs) {
  auto stream = seal(plaintext_of(2 * kChunkSize + 100));
  auto step = [&](std::size_t size) { return size < 200 || stream.size() - size < 200 ? 1 : 977; };
  for (std::size_t size = 0; size < stream.size(); size += step(size)) {
    auto cut = ByteView(stream).first(size);
    auto expected = size < kStreamHeaderSize                                              ? "not_a_stream"
                    : size < kStreamPrefixSize                                            ? "stream_truncated"
                    : (size - kStreamPrefixSize) % kSealedChunkSize < crypto::kGcmTagSize ? "stream_truncated"
                                                                                          : "stream_corrupt";
    EXPECT_EQ(reason(cut), expected) << size;
  }
  // Cut at the end of a chunk, where no tag is missing.
  EXPECT_EQ(reason(ByteView(stream).first(kStreamPrefixSize + kSealedChunkSize)), "stream_truncated");
}

TEST(Stream, AChunkElsewhereIsRefused) {
  auto stream = seal(plaintext_of(3 * kChunkSize + 10));
  auto other = seal(plaintext_of(3 * kChunkSize + 10));
  auto chunk = [](Bytes& bytes, std::size_t number) {
    return bytes.begin() + kStreamPrefixSize + number * kSealedChunkSize;
  };
  auto swapped = stream;
  std::swap_ranges(chunk(swapped, 0), chunk(swapped, 1), chunk(swapped, 1));
  auto repeated = stream;
  std::copy(chunk(stream, 0), chunk(stream, 1), chunk(repeated, 1));
  auto spliced = stream;
  std::copy(chunk(other, 1), chunk(other, 2), chunk(spliced, 1));
  auto dropped = stream;
  dropped.erase(chunk(dropped, 1), chunk(dropped, 2));
  auto longer = stream;
  longer.insert(longer.end(), {1, 2, 3});
  auto doubled = stream;
  doubled.insert(doubled.end(), chunk(stream, 3), stream.end());
  struct Case {
    const char* what;
    const Bytes& stream;
    std::size_t good;
  };
  for (const auto& c : {Case{"swapped", swapped, 0}, Case{"repeated", repeated, 1}, Case{"spliced", spliced, 1},
                        Case{"dropped", dropped, 1}, Case{"longer", longer, 3}, Case{"doubled", doubled, 3}}) {
    for (unsigned threads : {1U, 2U}) {
      auto opened = open(c.stream, {.threads = threads});
      ASSERT_FALSE(opened) << c.what;
      EXPECT_EQ(opened.error().reason, "stream_corrupt") << c.what;
      EXPECT_THAT(opened.error().message(), HasSubstr(fmt::format("chunk {} of the stream", c.good))) << c.what;
    }
  }
}

TEST(Stream, BelongsToItsKeyItsCompartmentAndItsContext) {
  auto stream = seal(plaintext_of(100), 100, 1, {{"table", "users"}});
  How right{.context = {{"table", "users"}}};
  EXPECT_EQ(reason(stream, right), "opened");
  auto with = [&](auto change) {
    auto how = right;
    change(how);
    return reason(stream, how);
  };
  EXPECT_EQ(with([](How& how) { how.key = 2; }), "stream_key_mismatch");
  EXPECT_EQ(with([](How& how) { how.key_id = 8; }), "wrong_data_key");
  EXPECT_EQ(with([](How& how) { how.compartment = 6; }), "stream_key_mismatch");
  EXPECT_EQ(with([](How& how) { how.context = {}; }), "stream_key_mismatch");
  EXPECT_EQ(with([](How& how) { how.context = {{"table", "user"}, {"s", ""}}; }), "stream_key_mismatch");
}

TEST(Stream, WhatIsNoStreamIsToldApart) {
  auto message = [](Bytes bytes) {
    bytes.resize(200);
    return stream_data_key_id(bytes).error().message();
  };
  EXPECT_THAT(message({'P', 'K'}), HasSubstr("does not begin with LK"));
  EXPECT_THAT(message({'L', 'K', 1, 1}), HasSubstr("decrypt it as a record"));
  EXPECT_THAT(message({'L', 'K', 2, 2}), HasSubstr("version 2 and algorithm 2"));
  EXPECT_THAT(stream_data_key_id({}), IsErrorThatSays(HasSubstr("0 bytes")));
}

TEST(Stream, GoodChunksComeOutAndTheErrorStays) {
  auto plaintext = plaintext_of(40 * kChunkSize);
  auto stream = seal(plaintext);
  stream[kStreamPrefixSize + 30 * kSealedChunkSize] ^= 1;
  Bytes partial;
  ASSERT_FALSE(open(stream, {.piece = 5000}, &partial));
  EXPECT_EQ(partial.size(), 16 * kChunkSize) << "whole runs alone";
  EXPECT_TRUE(std::equal(partial.begin(), partial.end(), plaintext.begin()));

  crypto::SystemRandom random;
  StreamEncryptor encryptor(StreamCipher::for_sealing(key(), compartment(), {}, random).value(), 1);
  Bytes out;
  auto full = [](ByteView) { return Result<void>(Error{ErrorCode::Unavailable, "no room"}); };
  ASSERT_TRUE(encryptor.write(as_bytes("data"), append_to(out)));
  EXPECT_THAT(encryptor.finish(full), IsErrorThatSays("no room"));
  EXPECT_THAT(encryptor.finish(append_to(out)), IsError(ErrorCode::Conflict));
  EXPECT_THAT(encryptor.write(as_bytes("data"), append_to(out)), IsError(ErrorCode::Conflict));
}

class StreamReaderTest : public ::testing::Test {
 protected:
  Result<StreamReader> open_reader(ByteView stream) {
    LATCHKEY_TRY(auto cipher, StreamCipher::for_opening(key(), compartment(), {}, stream.first(kStreamPrefixSize)));
    return StreamReader::open(std::move(cipher), stream.size(), [this, stream](std::uint64_t offset, MutableBytes out) {
      auto part = stream.subspan(offset, out.size());
      std::copy(part.begin(), part.end(), out.begin());
      read_ += out.size();
      return Result<void>(success());
    });
  }
  std::size_t read_ = 0;
};

TEST_F(StreamReaderTest, ReadsAnyPartOfAnySize) {
  std::uint64_t next = 12345;
  auto number = [&](std::uint64_t below) {
    return (next = next * 6364136223846793005ULL + 1442695040888963407ULL) >> 20 % 64 ? (next >> 20) % below : 0;
  };
  for (auto size : stream_sizes()) {
    auto plaintext = plaintext_of(size);
    auto stream = seal(plaintext);
    auto reader = open_reader(stream);
    ASSERT_TRUE(reader) << reader.error().message();
    EXPECT_EQ(reader.value().size(), size);
    for (int i = 0; i < 20; ++i) {
      auto offset = number(size + 2);
      Bytes out(number(3 * kChunkSize), 0xee);
      auto got = reader.value().read(offset, out);
      ASSERT_TRUE(got) << got.error().message();
      auto expected = offset >= size ? 0 : std::min<std::size_t>(out.size(), size - offset);
      ASSERT_EQ(got.value(), expected) << size << " " << offset;
      if (expected > 0) {
        EXPECT_TRUE(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(expected),
                               plaintext.begin() + static_cast<std::ptrdiff_t>(offset)));
      }
    }
    Bytes all(size);
    EXPECT_EQ(reader.value().read(0, all).value(), size);
    EXPECT_EQ(all, plaintext);
  }
}

TEST_F(StreamReaderTest, TouchesOnlyTheChunksThatItNeeds) {
  auto stream = seal(plaintext_of(100 * kChunkSize));
  auto reader = open_reader(stream).value();
  read_ = 0;
  Bytes out(64 * 1024);
  ASSERT_TRUE(reader.read(50 * kChunkSize + 7, out));
  EXPECT_EQ(read_, 5 * kSealedChunkSize);
  stream[kStreamPrefixSize + 70 * kSealedChunkSize] ^= 1;
  EXPECT_TRUE(reader.read(60 * kChunkSize, out));
  Bytes bad(64 * 1024, 0xee);
  auto refused = reader.read(68 * kChunkSize, bad);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("chunk 70 of the stream"));
  EXPECT_EQ(bad, Bytes(bad.size(), 0));
}

TEST_F(StreamReaderTest, ThreadsReadAtOnce) {
  auto plaintext = plaintext_of(40 * kChunkSize + 3);
  auto stream = seal(plaintext);
  auto cipher = StreamCipher::for_opening(key(), compartment(), {}, ByteView(stream).first(kStreamPrefixSize));
  auto reader = StreamReader::open(std::move(cipher).value(), stream.size(), [&](std::uint64_t at, MutableBytes out) {
                  std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
                  return Result<void>(success());
                }).value();
  std::vector<std::future<bool>> all;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    all.push_back(std::async(std::launch::async, [&, thread] {
      Bytes out(kChunkSize + 100);
      for (std::size_t offset = thread * 999; offset + out.size() < plaintext.size(); offset += 7'777) {
        auto begin = plaintext.begin() + static_cast<std::ptrdiff_t>(offset);
        if (!reader.read(offset, out) || !std::equal(out.begin(), out.end(), begin)) return false;
      }
      return true;
    }));
  }
  for (auto& good : all) EXPECT_TRUE(good.get());
}

TEST_F(StreamReaderTest, TheLastChunkDecidesHowLongItIs) {
  auto stream = seal(plaintext_of(3 * kChunkSize + 5));
  EXPECT_THAT(open_reader(ByteView(stream).first(stream.size() - 1)), IsErrorFor("stream_corrupt"));
  EXPECT_THAT(open_reader(ByteView(stream).first(kStreamPrefixSize + kSealedChunkSize)),
              IsErrorFor("stream_truncated"));
  EXPECT_THAT(open_reader(ByteView(stream).first(kStreamPrefixSize + 2 * kSealedChunkSize + 21)),
              IsErrorFor("stream_corrupt"));
}

}  // namespace
}  // namespace latchkey::envelope
