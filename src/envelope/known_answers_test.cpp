// Our own published known answers (tests/vectors/latchkey), and readers and writers of docs/format.md in another
// language: each side opens what the other makes, and both refuse the same with the same code.
#include <cstdio>
#include <set>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "envelope/record.hpp"
#include "envelope/stream.hpp"
#include "envelope/testing/sample_parts.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::envelope {
namespace {

using testing::append_to;

const std::string kVectors = latchkey::testing::source_path("tests/vectors/latchkey/");
const std::string kReader = latchkey::testing::source_path("tests/readers/latchkey_reader.py");

enum class Kind { Record, Stream };

// Returns the bytes that it was made with.
class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(MutableBytes out) override {
    ASSERT_EQ(out.size(), bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), out.begin());
  }

 private:
  Bytes bytes_;
};

Bytes counting_bytes(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
  return bytes;
}

struct Place {
  Bytes key = Bytes(32, 1);
  RawId key_id{9};
  Uuid compartment{{5}};
  Context context = {};

  [[nodiscard]] DataKey data_key() const { return DataKey::create(key_id, crypto::SecretBytes(key)).value(); }
  [[nodiscard]] CanonicalContext form() const { return canonicalize(context).value(); }
};

Bytes seal(Kind kind, const Place& place, ByteView plaintext, RandomSource& random) {
  auto key = place.data_key();
  auto form = place.form();
  if (kind == Kind::Record) {
    Bytes out(sealed_size(plaintext.size()));
    EXPECT_TRUE(seal_record(key, place.compartment, form, plaintext, random, out));
    return out;
  }
  Bytes out;
  StreamEncryptor encryptor(StreamCipher::for_sealing(key, place.compartment, form, random).value(), 1);
  EXPECT_TRUE(encryptor.write(plaintext, append_to(out)));
  EXPECT_TRUE(encryptor.finish(append_to(out)));
  return out;
}

Result<Bytes> open_whole_stream(const Place& place, ByteView stream) {
  auto key = place.data_key();
  auto form = place.form();
  auto prefix = stream.first(std::min(stream.size(), kStreamPrefixSize));
  LATCHKEY_TRY(auto cipher, StreamCipher::for_opening(key, place.compartment, form, prefix));
  StreamDecryptor decryptor(std::move(cipher), 1);
  Bytes out;
  LATCHKEY_TRYV(decryptor.write(stream.subspan(kStreamPrefixSize), append_to(out)));
  LATCHKEY_TRYV(decryptor.finish(append_to(out)));
  return out;
}

Result<Bytes> open(Kind kind, const Place& place, ByteView sealed) {
  if (kind == Kind::Stream) return open_whole_stream(place, sealed);
  Bytes out(sealed.size() < kRecordOverhead ? 0 : sealed.size() - kRecordOverhead);
  LATCHKEY_TRYV(open_record(place.data_key(), place.compartment, place.form(), sealed, out));
  return out;
}

// The plaintext's digest, or the code of the refusal.
std::string outcome(Kind kind, const Place& place, ByteView sealed) {
  auto opened = open(kind, place, sealed);
  return opened ? hex_encode(crypto::sha256(opened.value())) : std::string(opened.error().reason.code());
}

std::string text(const boost::json::value& object, const char* name) {
  return std::string(object.at(name).as_string());
}
Bytes hex(const boost::json::value& object, const char* name) {
  return hex_decode(text(object, name)).value();
}
std::size_t number(const boost::json::value& object, const char* name) {
  return object.at(name).to_number<std::size_t>();
}

class KnownAnswers : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    auto path = kVectors + (GetParam() == Kind::Record ? "records.json" : "streams.json");
    auto content = read_file(path, 1 << 20);
    ASSERT_TRUE(content) << content.error().message();
    answers_ = boost::json::parse(content.value());
  }

  static Place place_of(const boost::json::value& answer) {
    Place place;
    place.key = hex(answer, "data_key");
    auto id = hex(answer, "data_key_id");
    std::copy(id.begin(), id.end(), place.key_id.begin());
    place.compartment = parse_uuid(text(answer, "compartment")).value();
    for (const auto& pair : answer.at("context").as_object()) place.context[pair.key()] = pair.value().as_string();
    return place;
  }

  // The published form of the sealed bytes: all of a short one, the digest of a long one.
  static void expect_published(const boost::json::value& answer, ByteView sealed) {
    EXPECT_EQ(sealed.size(), number(answer, "size"));
    EXPECT_EQ(hex_encode(crypto::sha256(sealed)), text(answer, "sha256"));
    if (answer.as_object().contains("sealed")) {
      EXPECT_EQ(hex_encode(sealed), text(answer, "sealed"));
    }
  }

  Bytes assemble(const boost::json::value& attack) {
    Bytes sealed;
    for (const auto& piece : attack.at("pieces").as_array()) {
      Bytes bytes;
      if (piece.as_object().contains("hex")) {
        bytes = hex(piece, "hex");
      } else {
        const auto& whole = good_.at(text(piece, "of"));
        bytes = to_bytes(ByteView(whole).subspan(number(piece, "from"), number(piece, "to") - number(piece, "from")));
      }
      sealed.insert(sealed.end(), bytes.begin(), bytes.end());
    }
    for (const auto& flip : attack.at("flipped_bits").as_array()) {
      auto bit = flip.to_number<std::size_t>();
      sealed.at(bit / 8) ^= static_cast<std::uint8_t>(1U << (bit % 8));
    }
    return sealed;
  }

  // Seals every good one again, and expects the published bytes.
  void seal_all() {
    const char* drawn = GetParam() == Kind::Record ? "nonce" : "salt";
    for (const auto& answer : answers_.at("opened").as_array()) {
      SCOPED_TRACE(text(answer, "name"));
      FixedRandom random(hex(answer, drawn));
      auto plaintext = counting_bytes(number(answer, "plaintext_size"));
      auto sealed = seal(GetParam(), place_of(answer), plaintext, random);
      expect_published(answer, sealed);
      good_[text(answer, "name")] = sealed;
    }
  }

  boost::json::value answers_;
  std::map<std::string, Bytes> good_;
};

TEST_P(KnownAnswers, AreMadeAndOpened) {
  seal_all();
  EXPECT_GE(good_.size(), 7U);
  for (const auto& answer : answers_.at("opened").as_array()) {
    SCOPED_TRACE(text(answer, "name"));
    auto opened = open(GetParam(), place_of(answer), good_.at(text(answer, "name")));
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(opened.value(), counting_bytes(number(answer, "plaintext_size")));
  }
}

TEST_P(KnownAnswers, AttacksAreRefusedAsWhatTheyAre) {
  seal_all();
  std::set<std::string> codes;
  for (const auto& attack : answers_.at("refused").as_array()) {
    SCOPED_TRACE(text(attack, "name"));
    auto sealed = assemble(attack);
    expect_published(attack, sealed);
    EXPECT_EQ(outcome(GetParam(), place_of(attack), sealed), text(attack, "error"));
    codes.insert(text(attack, "error"));
  }
  EXPECT_EQ(codes.size(), GetParam() == Kind::Record ? 3U : 5U);
}

INSTANTIATE_TEST_SUITE_P(Formats, KnownAnswers, ::testing::Values(Kind::Record, Kind::Stream),
                         [](const auto& kind) { return kind.param == Kind::Record ? "Records" : "Streams"; });

// Debian's own Python, which has python3-cryptography (scripts/bootstrap --test).
std::string run_python(const std::string& arguments) {
  // NOLINTNEXTLINE(cert-env33-c): our own programs, at paths of our own.
  FILE* pipe = ::popen(("/usr/bin/python3 " + arguments).c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::string out;
  std::array<char, 4096> part;
  for (std::size_t got = 0; (got = std::fread(part.data(), 1, part.size(), pipe)) > 0;) out.append(part.data(), got);
  EXPECT_EQ(::pclose(pipe), 0) << "scripts/bootstrap --test installs what it needs: " << arguments;
  return out;
}

TEST(AnotherLanguage, WritesWhatIsPublished) {
  run_python(kVectors + "make.py --check");
}

// Cases for the reader, with our own outcome of each.
class ReaderCases {
 public:
  void add(Kind kind, const Place& place, ByteView sealed) {
    boost::json::object context;
    for (const auto& [name, value] : place.context) context[name] = value;
    boost::json::object line{{"kind", kind == Kind::Record ? "record" : "stream"},
                             {"sealed", hex_encode(sealed)},
                             {"data_key", hex_encode(place.key)},
                             {"data_key_id", hex_encode(place.key_id)},
                             {"compartment", format_uuid(place.compartment)},
                             {"context", context}};
    lines_ += boost::json::serialize(line) + "\n";
    ours_.push_back(outcome(kind, place, sealed));
  }

  // Returns how often each code occurred, "opened" among them; every outcome must be ours.
  std::map<std::string, int> check() {
    auto path = ::testing::TempDir() + "latchkey-reader-" + std::to_string(::getpid()) + ".jsonl";
    EXPECT_TRUE(write_file_durably(path, lines_, 0600));
    auto answers = run_python(kReader + " < '" + path + "'");
    EXPECT_EQ(::unlink(path.c_str()), 0);
    std::istringstream answer_lines(answers);
    std::map<std::string, int> codes;
    std::size_t at = 0;
    for (std::string line; std::getline(answer_lines, line); ++at) {
      auto answer = boost::json::parse(line);
      bool is_open = answer.as_object().contains("plaintext");
      auto theirs = is_open ? hex_encode(crypto::sha256(hex(answer, "plaintext"))) : text(answer, "error");
      EXPECT_LT(at, ours_.size());
      EXPECT_EQ(theirs, at < ours_.size() ? ours_[at] : "") << "case " << at;
      ++codes[is_open ? "opened" : theirs];
    }
    EXPECT_EQ(at, ours_.size());
    return codes;
  }

 private:
  std::string lines_;
  std::vector<std::string> ours_;
};

std::vector<Place> places() {
  Place named{.context = {{"table", "users"}, {"row", "7"}}};
  Place not_ascii{
      .context = {{"", ""}, {"\xc3\xa9", "\xf0\x9f\x94\x91"}, {"\xef\xbd\x9e", "\x01"}, {"\xf0\x9f\x94\x91", ""}}};
  Place other_key{.key = Bytes(32, 0xc3), .key_id = {1, 2, 3}};
  return {Place{}, named, not_ascii, other_key};
}

// Adds the same sealed bytes in places where they do not belong.
void add_elsewhere(ReaderCases& cases, Kind kind, const Place& place, ByteView sealed) {
  auto key = place;
  key.key[31] ^= 1;
  auto id = place;
  id.key_id[15] ^= 1;
  auto compartment = place;
  compartment.compartment.data[0] ^= 1;
  auto context = place;
  context.context["more"] = "";
  for (const auto& other : {key, id, compartment, context}) cases.add(kind, other, sealed);
}

void add_flips(ReaderCases& cases, Kind kind, const Place& place, const Bytes& sealed, std::size_t step) {
  for (std::size_t bit = 0; bit < sealed.size() * 8; bit += step) {
    auto damaged = sealed;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    cases.add(kind, place, damaged);
  }
}

TEST(AnotherLanguage, OpensOurRecordsAndRefusesTheSame) {
  crypto::SystemRandom random;
  ReaderCases cases;
  int good = 0;
  for (const auto& place : places()) {
    for (std::size_t size : {0U, 1U, 15U, 16U, 17U, 1000U}) {
      auto record = seal(Kind::Record, place, counting_bytes(size), random);
      cases.add(Kind::Record, place, record);
      ++good;
      add_elsewhere(cases, Kind::Record, place, record);
    }
  }
  auto place = places()[1];
  auto record = seal(Kind::Record, place, as_bytes("data"), random);
  add_flips(cases, Kind::Record, place, record, 1);
  for (std::size_t size = 0; size < record.size(); ++size) cases.add(Kind::Record, place, ByteView(record).first(size));
  auto codes = cases.check();
  EXPECT_EQ(codes["opened"], good);
  EXPECT_EQ(codes["not_a_record"], 32 + 92);
  EXPECT_EQ(codes["wrong_data_key"], 2 * good + 72 * 8);
  EXPECT_EQ(codes["record_corrupt"], 2 * good + 20 * 8 + 4);
}

TEST(AnotherLanguage, OpensOurStreamsAndRefusesTheSame) {
  crypto::SystemRandom random;
  ReaderCases cases;
  int good = 0;
  for (const auto& place : places()) {
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, kChunkSize - 1, kChunkSize, kChunkSize + 1}) {
      cases.add(Kind::Stream, place, seal(Kind::Stream, place, counting_bytes(size), random));
      ++good;
    }
  }
  auto place = places()[2];
  auto stream = seal(Kind::Stream, place, as_bytes("data"), random);
  add_elsewhere(cases, Kind::Stream, place, stream);
  add_flips(cases, Kind::Stream, place, stream, 1);
  for (std::size_t size = 0; size < stream.size(); ++size) cases.add(Kind::Stream, place, ByteView(stream).first(size));
  auto long_one = seal(Kind::Stream, place, counting_bytes(3 * kChunkSize + 1), random);
  cases.add(Kind::Stream, place, long_one);
  ++good;
  for (std::size_t chunks = 0; chunks < 4; ++chunks) {
    for (std::size_t more : {0U, 15U, 16U, 17U}) {
      auto size = std::min(kStreamPrefixSize + chunks * kSealedChunkSize + more, long_one.size() - 1);
      cases.add(Kind::Stream, place, ByteView(long_one).first(size));
    }
  }
  auto swapped = long_one;
  auto chunk = swapped.begin() + kStreamPrefixSize;
  std::swap_ranges(chunk, chunk + kSealedChunkSize, chunk + kSealedChunkSize);
  cases.add(Kind::Stream, place, swapped);
  auto codes = cases.check();
  EXPECT_EQ(codes["opened"], good);
  EXPECT_EQ(codes["not_a_stream"], 32 + 20);
  EXPECT_EQ(codes["wrong_data_key"], 16 * 8 + 1);
  EXPECT_EQ(codes["stream_key_mismatch"], 56 * 8 + 3);
  EXPECT_EQ(codes["stream_truncated"], 56 + 16 + 4 * 2);
  EXPECT_EQ(codes["stream_corrupt"], 20 * 8 + 4 + 4 * 2 + 1);
}

}  // namespace
}  // namespace latchkey::envelope
