#include "store/row_seal.hpp"

#include <set>

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "testing/sealer.hpp"

namespace latchkey::store {
namespace {

SealKey key_of(std::uint8_t number) {
  return {SealKeyId{number}, crypto::SecretBytes(Bytes(32, number))};
}

RowSealer::Keys keys_of(std::initializer_list<std::uint8_t> numbers) {
  RowSealer::Keys keys;
  for (auto number : numbers) keys.push_back(key_of(number));
  return keys;
}

SealText text(std::string_view value) {
  SealText text("table");
  text.add(value);
  return text;
}

// Values that a naive concatenation would confuse.
TEST(SealText, NoTwoRowsHaveTheSameText) {
  std::set<std::string> texts;
  auto remember = [&](const SealText& one) {
    EXPECT_TRUE(texts.insert(hex_encode(one.bytes())).second) << hex_encode(one.bytes());
  };
  auto of = [](const auto&... values) {
    SealText one("t");
    one.add_each(values...);
    return one;
  };
  using Text = std::optional<std::string>;
  remember(of());
  remember(of(Text()));
  remember(of(Text("")));
  remember(of(Text("a"), Text("b")));
  remember(of(Text("ab"), Text("")));
  remember(of(Text(""), Text("ab")));
  remember(of(Text("ab")));
  remember(of(Text(), Text("ab")));
  remember(of(Text("ab"), Text()));
  remember(of(std::int64_t{0}));
  remember(of(std::int64_t{1}));
  remember(of(Bytes{'a', 'b'}));
  remember(of(std::string(8, '\0')));
  remember(SealText("t2"));
}

TEST(RowSealer, TheSealIsTheKeysIdAndAnHmacOverTheText) {
  RowSealer sealer(keys_of({7}));
  auto sealed = text("value");
  auto seal = sealer.seal(sealed);
  auto code = crypto::hmac_sha256(Bytes(32, 7), sealed.bytes());
  EXPECT_EQ(hex_encode(seal), "0700000000000000" + hex_encode(code));
}

TEST(RowSealer, EveryBitOfTheSealCounts) {
  RowSealer sealer(keys_of({1}));
  auto seal = sealer.seal(text("value"));
  EXPECT_EQ(sealer.check(text("value"), seal), SealVerdict::Good);
  for (std::size_t bit = 0; bit < seal.size() * 8; ++bit) {
    auto changed = seal;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(sealer.check(text("value"), changed), bit < 64 ? SealVerdict::UnknownKey : SealVerdict::Wrong) << bit;
  }
}

TEST(RowSealer, ASealOfAnotherLengthIsNone) {
  RowSealer sealer(keys_of({1}));
  auto seal = sealer.seal(text("value"));
  for (std::size_t size : {0U, 8U, 39U}) {
    EXPECT_EQ(sealer.check(text("value"), ByteView(seal).first(size)), SealVerdict::Missing);
  }
  seal.push_back(0);
  EXPECT_EQ(sealer.check(text("value"), seal), SealVerdict::Missing);
}

TEST(RowSealer, TheNewestKeySealsAndTheOthersVerify) {
  RowSealer before(keys_of({1}));
  RowSealer after(keys_of({2, 1}));
  auto old_seal = before.seal(text("value"));
  EXPECT_EQ(after.check(text("value"), old_seal), SealVerdict::Good);
  EXPECT_FALSE(after.is_newest(old_seal));
  EXPECT_TRUE(after.is_newest(after.seal(text("value"))));
  EXPECT_EQ(before.check(text("value"), after.seal(text("value"))), SealVerdict::UnknownKey);
}

TEST(RowSealer, SealsUnderTheNewestFromTheMomentThatThereIsOne) {
  bool changed = true;
  RowSealer running(keys_of({1}), [&]() -> std::optional<RowSealer::Keys> {
    if (!std::exchange(changed, false)) return std::nullopt;
    return keys_of({2, 1});
  });
  EXPECT_EQ(running.seal(text("value"))[0], 2);
}

TEST(RowSealer, AKeyThatWasAddedMeanwhileIsReadOnceItIsMet) {
  bool changed = false;
  RowSealer running(keys_of({1}), [&]() -> std::optional<RowSealer::Keys> {
    if (!std::exchange(changed, false)) return std::nullopt;
    return keys_of({2, 1});
  });
  auto before = running.seal(text("value"));
  EXPECT_EQ(running.check(text("value"), before), SealVerdict::Good);
  changed = true;
  auto seal = RowSealer(keys_of({2, 1})).seal(text("value"));
  EXPECT_EQ(running.check(text("value"), seal), SealVerdict::Good);
  EXPECT_TRUE(running.is_newest(running.seal(text("value"))));
  EXPECT_EQ(running.check(text("value"), before), SealVerdict::Good);
}

}  // namespace
}  // namespace latchkey::store
