#include "base/encoding.hpp"

#include <cctype>

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace latchkey {
namespace {

TEST(Base64, Rfc4648Answers) {
  struct Case {
    std::string_view plain;
    std::string_view padded;
    std::string_view url;
  };
  for (const auto& [plain, padded, url] : std::initializer_list<Case>{{"", "", ""},
                                                                      {"f", "Zg==", "Zg"},
                                                                      {"fo", "Zm8=", "Zm8"},
                                                                      {"foo", "Zm9v", "Zm9v"},
                                                                      {"foob", "Zm9vYg==", "Zm9vYg"},
                                                                      {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                                                                      {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                                                                      {"\xff\xfe\xfd", "//79", "__79"}}) {
    EXPECT_EQ(base64_encode(as_bytes(plain)), padded);
    EXPECT_EQ(base64url_encode(as_bytes(plain)), url);
    EXPECT_EQ(as_text(base64_decode(padded).value()), plain);
    EXPECT_EQ(as_text(base64url_decode(url).value()), plain);
  }
}

TEST(Base64, OneTextForOneValue) {
  for (std::string_view bad :
       {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "====", "=", "Zm9v====", "Z===", "__79", "Zg==Zg=="}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
  for (std::string_view bad : {"Z", "Zg==", "Zh", "Zm9", "//79", "Zm9v ", "Zm9v="})
    EXPECT_FALSE(base64url_decode(bad)) << bad;
}

// What a decoder takes is just what the encoder would have written, wherever a byte stands.
TEST(Base64, TakesNoByteOfAnotherAlphabetAnywhere) {
  for (std::string good : {"Zm9vYmFy", "Zm9vYmE=", "Zm9vYg=="}) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        auto text = good;
        text[at] = static_cast<char>(byte);
        auto decoded = base64_decode(text);
        if (decoded) {
          EXPECT_EQ(base64_encode(decoded.value()), text) << at;
        }
        bool is_foreign = std::isalnum(byte) == 0 && byte != '+' && byte != '/' && byte != '=';
        EXPECT_FALSE(is_foreign && decoded) << at << ' ' << byte;
        auto of_url = base64url_decode(text);
        if (of_url) {
          EXPECT_EQ(base64url_encode(of_url.value()), text) << at;
        }
      }
    }
  }
}

// OpenSSL's own answers for each length around the steps in which many characters are taken at once.
TEST(Base64, EachLengthIsAsOpenSslHasIt) {
  Bytes bytes;
  for (std::size_t size = 0; size < 300; ++size) {
    std::string expected((size + 2) / 3 * 4 + 1, '\0');
    auto written =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(expected.data()), bytes.data(), static_cast<int>(size));
    expected.resize(static_cast<std::size_t>(written));
    EXPECT_EQ(base64_encode(bytes), expected);
    EXPECT_EQ(base64_decode(expected).value(), bytes);
    bytes.push_back(static_cast<std::uint8_t>(size * 89 + 17));
  }
}

TEST(Base64, ALongTextTakesNoByteOfAnotherAlphabetAnywhere) {
  Bytes bytes(120);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + 3);
  auto good = base64_encode(bytes);
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      auto text = good;
      text[at] = static_cast<char>(byte);
      auto decoded = base64_decode(text);
      bool is_of_alphabet = std::isalnum(byte) != 0 || byte == '+' || byte == '/';
      bool is_padding = byte == '=' && at == good.size() - 1;
      if (!is_padding) {
        EXPECT_EQ(decoded.has_value(), is_of_alphabet) << at << ' ' << byte;
      }
      if (decoded) {
        EXPECT_EQ(base64_encode(decoded.value()), text) << at;
      }
    }
  }
}

TEST(Base64, LongTextsAreOfOnePiece) {
  constexpr std::size_t kPiece = std::size_t{3} << 20;
  for (auto size : {kPiece - 1, kPiece, kPiece + 1, 2 * kPiece, 2 * kPiece + 2}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
    auto text = base64_encode(bytes);
    EXPECT_EQ(base64_decode(text).value(), bytes) << size;
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)).value(), bytes) << size;
    for (auto at : {kPiece / 3 * 4 - 1, kPiece / 3 * 4}) {
      for (char bad : {' ', '\n', '-', '='}) {
        if (at >= text.size()) continue;
        auto damaged = text;
        damaged[at] = bad;
        bool is_padding = text[at] == '=' && bad == '=';
        EXPECT_EQ(base64_decode(damaged).has_value(), is_padding) << size << ' ' << at << ' ' << bad;
      }
    }
  }
}

TEST(Base64, EveryByteValueSurvives) {
  Bytes all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(base64_decode(base64_encode(all)).value(), all);
  EXPECT_EQ(base64url_decode(base64url_encode(all)).value(), all);
  EXPECT_EQ(hex_decode(hex_encode(all)).value(), all);
}

TEST(Hex, TakesBothCasesAndNothingElse) {
  EXPECT_EQ(hex_encode(Bytes{0x00, 0xab, 0xff}), "00abff");
  EXPECT_EQ(hex_decode("00aBFf").value(), (Bytes{0x00, 0xab, 0xff}));
  for (std::string_view bad : {"0", "0g", "0x00", " 00"}) EXPECT_FALSE(hex_decode(bad)) << bad;
}

TEST(Base58, SixteenBytesAreTwentyTwoCharacters) {
  std::array<std::uint8_t, 16> zero{};
  EXPECT_EQ(base58_encode_128(zero), std::string(22, '1'));
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  EXPECT_EQ(base58_encode_128(one), std::string(21, '1') + "2");
  std::array<std::uint8_t, 16> most;
  most.fill(0xff);
  EXPECT_EQ(base58_encode_128(most), "YcVfxkQb6JRzqk5kF2tNLv");
  for (const auto& value : {zero, one, most}) EXPECT_EQ(base58_decode_128(base58_encode_128(value)).value(), value);
}

TEST(Base58, EveryDigitIsWritten) {
  // The values 1, 58, 58^2, ... have the digit 1 in each place in turn.
  std::array<std::uint8_t, 16> power{};
  power[15] = 1;
  for (std::size_t place = 22; place-- > 0;) {
    std::string expected(22, '1');
    expected[place] = '2';
    EXPECT_EQ(base58_encode_128(power), expected);
    EXPECT_EQ(base58_decode_128(expected).value(), power);
    unsigned carry = 0;
    for (std::size_t i = power.size(); i-- > 0; carry >>= 8) {
      carry += power[i] * 58U;
      power[i] = static_cast<std::uint8_t>(carry);
    }
  }
}

TEST(Base58, RefusesWhatIsNoSuchNumber) {
  for (std::string_view bad :
       {"", "1", "YcVfxkQb6JRzqk5kF2tNLw", "zzzzzzzzzzzzzzzzzzzzzz", "0111111111111111111111", "O111111111111111111111",
        "I111111111111111111111", "l111111111111111111111", "11111111111111111111111"}) {
    EXPECT_FALSE(base58_decode_128(bad)) << bad;
  }
}

TEST(PercentEncode, LeavesOnlyTheUnreserved) {
  EXPECT_EQ(percent_encode("aZ9-._~"), "aZ9-._~");
  EXPECT_EQ(percent_encode("a b/c?d=e&f%+\xc3\xa9"), "a%20b%2Fc%3Fd%3De%26f%25%2B%C3%A9");
}

}  // namespace
}  // namespace latchkey
