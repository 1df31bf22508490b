#include "envelope/xaes.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::envelope {
namespace {

using Answer = std::map<std::string, Bytes>;

// Reads "NAME: hex" lines; blank lines separate the answers.
std::vector<Answer> read_answers(const std::string& name) {
  auto text = read_file(latchkey::testing::source_path("tests/vectors/xaes/" + name), 1 << 20);
  EXPECT_TRUE(text) << text.error().message();
  std::vector<Answer> answers;
  Answer answer;
  std::istringstream lines(text ? text.value() : "");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    auto colon = line.find(':');
    if (colon == std::string::npos) {
      if (!answer.empty()) answers.push_back(std::exchange(answer, {}));
      continue;
    }
    auto value = colon + 2 < line.size() ? line.substr(colon + 2) : "";
    answer[line.substr(0, colon)] = hex_decode(value).value();
  }
  if (!answer.empty()) answers.push_back(answer);
  return answers;
}

DataKey make_key(ByteView material) {
  return DataKey::create(RawId{}, crypto::SecretBytes(material)).value();
}

struct Sealed {
  Bytes ciphertext;
  Bytes tag;
  Bytes commitment;
};

XaesNonce nonce_of(ByteView bytes) {
  XaesNonce nonce;
  std::copy_n(bytes.begin(), nonce.size(), nonce.begin());
  return nonce;
}

Sealed seal(ByteView key, ByteView nonce_bytes, ByteView plaintext, ByteView aad) {
  auto nonce = nonce_of(nonce_bytes);
  auto data_key = make_key(key);
  XaesKeys keys(data_key, {&nonce, 1});
  keys.commit();
  Bytes out(plaintext.size() + crypto::kGcmTagSize);
  EXPECT_TRUE(crypto::gcm_seal(keys.message_key(0), gcm_nonce(nonce), plaintext, aad, out));
  return {Bytes(out.begin(), out.end() - crypto::kGcmTagSize), Bytes(out.end() - crypto::kGcmTagSize, out.end()),
          to_bytes(keys.commitment(0))};
}

TEST(Xaes, PublishedAnswers) {
  auto answers = read_answers("xaes_256_gcm.txt");
  ASSERT_EQ(answers.size(), 2U);
  for (auto& answer : answers) {
    auto sealed = seal(answer["KEY"], answer["NONCE"], answer["IN"], answer["AD"]);
    EXPECT_EQ(sealed.ciphertext, answer["CT"]);
    EXPECT_EQ(sealed.tag, answer["TAG"]);
  }
}

TEST(Xaes, PublishedAnswersWithKeyCommitment) {
  auto answers = read_answers("xaes_256_gcm_kc.txt");
  ASSERT_EQ(answers.size(), 3U);
  for (auto& answer : answers) {
    auto sealed = seal(answer["KEY"], answer["NONCE"], answer["IN"], answer["AD"]);
    EXPECT_EQ(sealed.ciphertext, answer["CT"]);
    auto tag = sealed.tag;
    tag.insert(tag.end(), sealed.commitment.begin(), sealed.commitment.end());
    EXPECT_EQ(tag, answer["TAG"]);
  }
}

TEST(Xaes, ManyTogetherAreAsOneByOne) {
  auto key = make_key(Bytes(32, 3));
  std::array<XaesNonce, kXaesAtOnce> nonces;
  std::uint8_t next = 0;
  for (auto& nonce : nonces) {
    for (auto& byte : nonce) byte = next = static_cast<std::uint8_t>(next * 5 + 1);
  }
  std::vector<Bytes> alone;
  for (const auto& nonce : nonces) {
    XaesKeys keys(key, {&nonce, 1});
    keys.commit();
    alone.push_back(to_bytes(keys.message_key(0)));
    alone.push_back(to_bytes(keys.commitment(0)));
  }
  for (std::size_t count = 1; count <= nonces.size(); ++count) {
    XaesKeys keys(key, std::span(nonces).first(count));
    keys.commit();
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(to_bytes(keys.message_key(i)), alone[2 * i]);
      EXPECT_EQ(to_bytes(keys.commitment(i)), alone[2 * i + 1]);
    }
  }
}

// SHAKE-128 as an endless stream. OpenSSL 3.0 squeezes only once, so this squeezes everything that the check needs at
// the start.
class Shake {
 public:
  explicit Shake(std::size_t size) : stream_(size) {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EXPECT_EQ(EVP_DigestInit_ex(context, EVP_shake128(), nullptr), 1);
    EXPECT_EQ(EVP_DigestFinalXOF(context, stream_.data(), stream_.size()), 1);
    EVP_MD_CTX_free(context);
  }
  ByteView read(std::size_t count) {
    auto part = ByteView(stream_).subspan(at_, count);
    at_ += count;
    return part;
  }

 private:
  Bytes stream_;
  std::size_t at_ = 0;
};

// The digest of this many random messages, each of which must also open.
std::string accumulated(std::size_t iterations) {
  // 32 + 24 + 2, and two sizes with a mean of 127.5.
  constexpr std::size_t kPerIteration = 320;
  Shake source(iterations * kPerIteration);
  EVP_MD_CTX* sink = EVP_MD_CTX_new();
  EXPECT_EQ(EVP_DigestInit_ex(sink, EVP_shake128(), nullptr), 1);
  std::array<std::uint8_t, 255 + crypto::kGcmTagSize> out;
  std::array<std::uint8_t, 255> back;
  bool all_open = true;
  for (std::size_t i = 0; i < iterations; ++i) {
    auto key = make_key(source.read(32));
    auto nonce = nonce_of(source.read(kXaesNonceSize));
    auto plaintext = source.read(source.read(1)[0]);
    auto aad = source.read(source.read(1)[0]);
    XaesKeys keys(key, {&nonce, 1});
    auto sealed = MutableBytes(out).first(plaintext.size() + crypto::kGcmTagSize);
    auto opened = MutableBytes(back).first(plaintext.size());
    all_open = crypto::gcm_seal(keys.message_key(0), gcm_nonce(nonce), plaintext, aad, sealed) &&
               crypto::gcm_open(keys.message_key(0), gcm_nonce(nonce), sealed, aad, opened) &&
               std::ranges::equal(opened, plaintext) && all_open;
    EVP_DigestUpdate(sink, sealed.data(), sealed.size());
  }
  EXPECT_TRUE(all_open);
  std::array<std::uint8_t, 32> digest;
  EXPECT_EQ(EVP_DigestFinalXOF(sink, digest.data(), digest.size()), 1);
  EVP_MD_CTX_free(sink);
  return hex_encode(digest);
}

TEST(Xaes, TenThousandAccumulated) {
  EXPECT_EQ(accumulated(10'000), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

// Takes some seconds, and 320 MB for SHAKE's output.
TEST(Xaes, AMillionAccumulated) {
  const char* slow = std::getenv("LATCHKEY_SLOW");
  if (slow == nullptr || *slow == '\0') GTEST_SKIP() << "LATCHKEY_SLOW=1, or scripts/test --slow, runs it";
  EXPECT_EQ(accumulated(1'000'000), "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15");
}

}  // namespace
}  // namespace latchkey::envelope
