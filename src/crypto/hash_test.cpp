#include "crypto/hash.hpp"

#include <gtest/gtest.h>

#include "crypto/testing/wycheproof.hpp"

namespace latchkey::crypto {
namespace {

using testing::hex;
using testing::text;

// The examples of FIPS 180-4.
TEST(Hashes, KnownAnswers) {
  EXPECT_EQ(hex_encode(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_encode(sha256(ByteView())), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256({as_bytes("a"), as_bytes(""), as_bytes("bc")}), sha256(as_bytes("abc")));
  EXPECT_EQ(hex_encode(sha1(as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
TEST(Hashes, HmacSha256KnownAnswers) {
  EXPECT_EQ(hex_encode(hmac_sha256(Bytes(20, 0x0b), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex_encode(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      hex_encode(hmac_sha256(Bytes(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hkdf, Wycheproof) {
  auto count =
      testing::for_each_test(testing::read_wycheproof("hkdf_sha512_test.json"), [](const auto&, const auto& test) {
        auto size = test.as_object().at("size").template to_number<std::size_t>();
        auto derived = hkdf_sha512(hex(test, "ikm"), hex(test, "salt"), hex(test, "info"), size);
        ASSERT_EQ(static_cast<bool>(derived), text(test, "result") != "invalid");
        if (derived) {
          EXPECT_EQ(to_bytes(derived.value().reveal()), hex(test, "okm"));
        }
      });
  EXPECT_EQ(count, 83U);
}

TEST(Hkdf, ExpandingAnExtractIsTheWhole) {
  auto whole = hkdf_sha512(as_bytes("key"), as_bytes("salt"), as_bytes("info"), 100);
  ASSERT_TRUE(whole);
  // HKDF-Extract (RFC 5869) is HMAC-SHA-512(salt, key); expanding any other key must give another output.
  auto other = hkdf_expand_sha512(as_bytes("key"), as_bytes("info"), 100);
  ASSERT_TRUE(other);
  EXPECT_NE(to_bytes(whole.value().reveal()), to_bytes(other.value().reveal()));
  EXPECT_FALSE(hkdf_expand_sha512(as_bytes("key"), {}, 255 * 64 + 1));
}

}  // namespace
}  // namespace latchkey::crypto
