#include "envelope/record.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "crypto/random.hpp"
#include "envelope/testing/sample_parts.hpp"
#include "testing/matchers.hpp"

namespace latchkey::envelope {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorThatSays;
using testing::compartment;
using testing::form;
using testing::key;
using testing::plaintext_of;
using testing::raw_id;

// Repeats the bytes that it was made with.
class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(MutableBytes out) override {
    for (auto& byte : out) byte = bytes_[at_++ % bytes_.size()];
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

class RecordTest : public ::testing::Test {
 protected:
  Bytes seal(ByteView plaintext, const Context& context = {}) {
    Bytes record(sealed_size(plaintext.size()));
    EXPECT_TRUE(seal_record(key(), compartment(), form(context), plaintext, random_, record));
    return record;
  }
  static Result<Bytes> open(const DataKey& with, const Uuid& where, const Context& context, ByteView record) {
    Bytes plaintext(record.size() < kRecordOverhead ? 0 : record.size() - kRecordOverhead, 0xee);
    auto opened = open_record(with, where, form(context), record, plaintext);
    if (!opened) {
      EXPECT_EQ(plaintext, Bytes(plaintext.size(), 0)) << "plaintext left behind";
      return opened.error();
    }
    return plaintext;
  }
  FixedRandom random_{Bytes{1, 2, 3, 5, 7, 11, 13}};
};

// Every size up to the limit of short messages, then odd sizes up to 4 KiB, and sizes around the widths of vector
// instructions.
std::vector<std::size_t> record_sizes() {
  std::vector<std::size_t> all;
  for (std::size_t size = 0; size <= 4097; size = size < 300 ? size + 1 : size + 31) all.push_back(size);
  for (std::size_t edge : {512U, 768U, 1024U, 2048U, 4096U}) {
    for (std::size_t size = edge - 1; size <= edge + 1; ++size) all.push_back(size);
  }
  return all;
}

TEST_F(RecordTest, OpensWhatItSealedAtEverySize) {
  Context context{{"table", "users"}, {"row", "7"}};
  for (auto size : record_sizes()) {
    auto plaintext = plaintext_of(size);
    auto record = seal(plaintext, context);
    EXPECT_EQ(record.size(), size + 92);
    auto opened = open(key(), compartment(), context, record);
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(opened.value(), plaintext);
  }
}

TEST_F(RecordTest, SealsAndOpensInPlaceAtEverySize) {
  for (auto size : record_sizes()) {
    auto plaintext = plaintext_of(size);
    Bytes apart(sealed_size(size));
    Bytes buffer(sealed_size(size));
    auto body = MutableBytes(buffer).subspan(kRecordBodyOffset, size);
    std::copy(plaintext.begin(), plaintext.end(), body.begin());
    FixedRandom same(Bytes{1, 2, 3});
    FixedRandom again(Bytes{1, 2, 3});
    ASSERT_TRUE(seal_record(key(), compartment(), {}, plaintext, same, apart));
    ASSERT_TRUE(seal_record(key(), compartment(), {}, body, again, buffer));
    EXPECT_EQ(buffer, apart) << size;
    ASSERT_TRUE(open_record(key(), compartment(), {}, buffer, body));
    EXPECT_EQ(to_bytes(body), plaintext) << size;
  }
}

TEST_F(RecordTest, LeavesNothingInPlaceWhereItDoesNotOpen) {
  for (std::size_t size : {1U, 100U, 5000U}) {
    auto good = seal(plaintext_of(size));
    for (std::size_t byte : {std::size_t{0}, std::size_t{5}, std::size_t{50}, kRecordBodyOffset, good.size() - 1}) {
      auto record = good;
      record[byte] ^= 1;
      auto there = MutableBytes(record).subspan(kRecordBodyOffset, size);
      EXPECT_FALSE(open_record(key(), compartment(), {}, record, there));
      EXPECT_EQ(to_bytes(there), Bytes(size, 0)) << size << " " << byte;
    }
  }
}

TEST_F(RecordTest, PiecesAreOnePlaintext) {
  Bytes plaintext(900);
  for (std::size_t i = 0; i < plaintext.size(); ++i) plaintext[i] = static_cast<std::uint8_t>(i);
  const ByteView pieces[] = {
      ByteView(plaintext).first(1), ByteView(plaintext).subspan(1, 500), {}, ByteView(plaintext).subspan(501)};
  Bytes record(sealed_size(plaintext.size()));
  ASSERT_TRUE(seal_record(key(), compartment(), form({{"a", "b"}}), pieces, random_, record));
  EXPECT_EQ(open(key(), compartment(), {{"a", "b"}}, record).value(), plaintext);
  Bytes small(record.size() - 1);
  EXPECT_THAT(seal_record(key(), compartment(), {}, pieces, random_, small), IsError(ErrorCode::Invalid));
}

TEST_F(RecordTest, ManyTogetherAreRecordsOfTheirOwn) {
  for (std::size_t count : {0U, 1U, 7U, 8U, 9U, 40U}) {
    std::vector<Bytes> plain;
    std::vector<Bytes> sealed;
    std::vector<CanonicalContext> contexts;
    for (std::size_t i = 0; i < count; ++i) {
      plain.emplace_back(i * 37, static_cast<std::uint8_t>(i));
      sealed.emplace_back(sealed_size(i * 37));
      contexts.push_back(form({{"row", std::to_string(i)}}));
    }
    std::vector<ByteView> views(plain.begin(), plain.end());
    std::vector<RecordToSeal> records;
    for (std::size_t i = 0; i < count; ++i) records.push_back({&contexts[i], std::span(&views[i], 1), sealed[i]});
    crypto::SystemRandom random;
    ASSERT_TRUE(seal_records(key(), compartment(), records, random));
    std::set<Bytes> nonces;
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(open(key(), compartment(), {{"row", std::to_string(i)}}, sealed[i]).value(), plain[i]);
      EXPECT_TRUE(nonces.insert(to_bytes(ByteView(sealed[i]).subspan(20, 24))).second);
    }
  }
}

TEST_F(RecordTest, NothingIsSealedWhereOneDoesNotFit) {
  Bytes good(sealed_size(4), 0xee);
  Bytes bad(sealed_size(3));
  CanonicalContext none;
  ByteView plain = as_bytes("data");
  const RecordToSeal both[] = {{&none, std::span(&plain, 1), good}, {&none, std::span(&plain, 1), bad}};
  EXPECT_THAT(seal_records(key(), compartment(), both, random_), IsError(ErrorCode::Invalid));
  EXPECT_EQ(good, Bytes(sealed_size(4), 0xee));
}

TEST_F(RecordTest, HasTheDocumentedLayout) {
  auto record = seal(as_bytes("x"));
  EXPECT_EQ(hex_encode(ByteView(record).first(4)), "4c4b0101");
  EXPECT_EQ(hex_encode(ByteView(record).subspan(4, 16)), "09" + std::string(30, '0'));
  EXPECT_EQ(hex_encode(ByteView(record).subspan(20, 24)), "01020305070b0d01020305070b0d01020305070b0d010203");
  EXPECT_EQ(record_data_key_id(record).value(), raw_id(9));
  EXPECT_TRUE(begins_as_record(ByteView(record).first(4)));
  EXPECT_FALSE(begins_as_record(ByteView(record).first(3)));
  EXPECT_FALSE(begins_as_record(Bytes{'L', 'K', 1, 2}));
}

TEST_F(RecordTest, EveryFlippedBitIsRefusedAsWhatItIs) {
  Context context{{"a", "b"}};
  for (std::size_t size : {0U, 1U, 15U, 16U, 17U, 97U, 500U}) {
    auto record = seal(plaintext_of(size), context);
    for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
      auto damaged = record;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      auto opened = open(key(), compartment(), context, damaged);
      ASSERT_FALSE(opened) << "bit " << bit << " of " << size;
      bool is_id = bit >= 4 * 8 && bit < 20 * 8;
      auto [code, reason] = bit < 4 * 8                   ? std::pair(ErrorCode::Invalid, "not_a_record")
                            : bit < kRecordBodyOffset * 8 ? std::pair(ErrorCode::WrongKey, "wrong_data_key")
                                                          : std::pair(ErrorCode::Corrupt, "record_corrupt");
      ASSERT_EQ(opened.error().code, code) << "bit " << bit << " of " << size;
      ASSERT_EQ(opened.error().reason, reason) << "bit " << bit << " of " << size;
      ASSERT_EQ(opened.error().message().find("another data key") != std::string::npos, is_id) << "bit " << bit;
    }
  }
}

TEST_F(RecordTest, EveryTruncationAndExtensionIsRefused) {
  for (std::size_t size : {0U, 14U, 1025U}) {
    auto record = seal(plaintext_of(size));
    for (std::size_t left = 0; left < record.size(); ++left) {
      auto opened = open(key(), compartment(), {}, ByteView(record).first(left));
      ASSERT_FALSE(opened) << left;
      EXPECT_EQ(opened.error().code, left < kRecordOverhead ? ErrorCode::Invalid : ErrorCode::Corrupt) << left;
    }
    for (std::size_t more : {1U, 15U, 16U, 92U}) {
      auto longer = record;
      longer.resize(record.size() + more);
      EXPECT_THAT(open(key(), compartment(), {}, longer), IsError(ErrorCode::Corrupt)) << more;
    }
  }
}

TEST_F(RecordTest, PartsOfTwoRecordsAreNone) {
  auto first = seal(plaintext_of(40));
  auto second = seal(plaintext_of(40));
  ASSERT_NE(first, second);
  for (std::size_t at = 1; at < first.size(); ++at) {
    auto spliced = first;
    std::copy(second.begin() + static_cast<std::ptrdiff_t>(at), second.end(),
              spliced.begin() + static_cast<std::ptrdiff_t>(at));
    if (spliced == second) continue;  // the same header
    auto opened = open(key(), compartment(), {}, spliced);
    ASSERT_FALSE(opened) << at;
    EXPECT_EQ(opened.error().code, at < kRecordBodyOffset ? ErrorCode::WrongKey : ErrorCode::Corrupt) << at;
  }
}

TEST_F(RecordTest, BelongsToItsKeyItsCompartmentAndItsContext) {
  Context context{{"table", "users"}};
  auto record = seal(as_bytes("data"), context);
  EXPECT_THAT(open(key(2), compartment(), context, record), IsError(ErrorCode::WrongKey));
  EXPECT_THAT(open(key(1, 8), compartment(), context, record), IsError(ErrorCode::WrongKey));
  EXPECT_THAT(open(key(), compartment(6), context, record), IsError(ErrorCode::Corrupt));
  for (const auto& other : {Context{}, Context{{"table", "user"}}, Context{{"tables", "users"}},
                            Context{{"table", "users"}, {"row", ""}}, Context{{"tableu", "sers"}}}) {
    EXPECT_THAT(open(key(), compartment(), other, record), IsError(ErrorCode::Corrupt));
  }
}

TEST_F(RecordTest, AnUnknownVersionIsNamed) {
  auto record = seal(as_bytes("data"));
  record[2] = 2;
  EXPECT_THAT(record_data_key_id(record), IsErrorThatSays(::testing::HasSubstr("version 2")));
  record[0] = 'X';
  EXPECT_THAT(record_data_key_id(record), IsErrorThatSays(::testing::HasSubstr("does not begin with LK")));
}

TEST_F(RecordTest, SizesThatDoNotFitAreRefused) {
  Bytes small(91);
  EXPECT_THAT(seal_record(key(), compartment(), {}, ByteView(), random_, small), IsError(ErrorCode::Invalid));
  Bytes large(93);
  EXPECT_THAT(seal_record(key(), compartment(), {}, ByteView(), random_, large), IsError(ErrorCode::Invalid));
  auto record = seal(as_bytes("data"));
  Bytes wrong(3);
  EXPECT_THAT(open_record(key(), compartment(), {}, record, wrong), IsError(ErrorCode::Invalid));
}

}  // namespace
}  // namespace latchkey::envelope
