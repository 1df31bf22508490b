// Fuzzes streams: an input, alone or after a good beginning, must be refused with its own code, or be exactly what
// sealing its plaintext makes. A good stream that was damaged must be refused, in whatever pieces it comes, after
// nothing but the beginning of its plaintext. Reading at any place must give the same as reading from the front.
#include "envelope/stream.hpp"
#include "fuzzing.hpp"

namespace {

using namespace latchkey;
using namespace latchkey::envelope;
using namespace latchkey::fuzzing;

constexpr std::size_t kMostPlaintext = 3 * kChunkSize + 100;
constexpr std::array<std::uint8_t, kSaltSize> kSalt{1, 2, 3};

StreamSink append_to(Bytes& out) {
  return [&out](ByteView part) {
    out.insert(out.end(), part.begin(), part.end());
    return Result<void>(success());
  };
}

template <class Each>
Result<void> in_pieces(ByteView bytes, std::size_t piece, const Each& each) {
  while (!bytes.empty()) {
    auto part = bytes.first(std::min(std::max<std::size_t>(piece, 64), bytes.size()));
    LATCHKEY_TRYV(each(part));
    bytes = bytes.subspan(part.size());
  }
  return success();
}

Bytes seal(const CanonicalContext& context, ByteView plaintext, std::size_t piece, ByteView salt = kSalt) {
  Replayed random(salt);
  StreamEncryptor encryptor(StreamCipher::for_sealing(data_key(), Uuid{{5}}, context, random).value(), 1);
  Bytes out;
  require(static_cast<bool>(
      in_pieces(plaintext, piece, [&](ByteView part) { return encryptor.write(part, append_to(out)); })));
  require(static_cast<bool>(encryptor.finish(append_to(out))));
  require(out.size() == sealed_stream_size(plaintext.size()));
  return out;
}

void require_known(const Error& error) {
  switch (error.code) {
    case ErrorCode::Invalid:
      require(error.reason == "not_a_stream");
      break;
    case ErrorCode::WrongKey:
      require(error.reason == "wrong_data_key" || error.reason == "stream_key_mismatch");
      break;
    case ErrorCode::Corrupt:
      require(error.reason == "stream_corrupt" || error.reason == "stream_truncated");
      break;
    default:
      require(false);
  }
}

Result<StreamCipher> cipher_of(const CanonicalContext& context, ByteView stream) {
  auto prefix = stream.first(std::min(stream.size(), kStreamPrefixSize));
  return StreamCipher::for_opening(data_key(), Uuid{{5}}, context, prefix);
}

// Opens from the front; `out` receives the output, also before an error.
Result<void> open(const CanonicalContext& context, ByteView stream, std::size_t piece, Bytes& out) {
  LATCHKEY_TRY(auto cipher, cipher_of(context, stream));
  StreamDecryptor decryptor(std::move(cipher), 1);
  LATCHKEY_TRYV(in_pieces(stream.subspan(kStreamPrefixSize), piece,
                          [&](ByteView part) { return decryptor.write(part, append_to(out)); }));
  return decryptor.finish(append_to(out));
}

// Reads all of it in reads of `piece` bytes; each opens a whole chunk, so short ones would take long.
Result<Bytes> read_through(const CanonicalContext& context, ByteView stream, std::size_t piece) {
  LATCHKEY_TRY(auto cipher, cipher_of(context, stream));
  auto read_at = [stream](std::uint64_t offset, MutableBytes out) {
    require(offset <= stream.size() && out.size() <= stream.size() - offset);
    std::ranges::copy(stream.subspan(offset, out.size()), out.begin());
    return Result<void>(success());
  };
  LATCHKEY_TRY(auto reader, StreamReader::open(std::move(cipher), stream.size(), read_at));
  require(reader.size() < stream.size());
  Bytes all;
  Bytes part(std::max<std::size_t>(piece, 4096));
  while (true) {
    LATCHKEY_TRY(auto got, reader.read(all.size(), part));
    all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(got));
    if (got < part.size()) return all;
  }
}

// Opens in both ways, which must agree; `out` has the output from the front.
bool opens(const CanonicalContext& context, ByteView stream, std::size_t piece, Bytes& out) {
  auto front = open(context, stream, piece, out);
  auto any_place = read_through(context, stream, piece);
  require(static_cast<bool>(front) == static_cast<bool>(any_place));
  if (!front) {
    require_known(front.error());
    require_known(any_place.error());
    return false;
  }
  require(any_place.value() == out);
  return true;
}

void read_as_a_stream(Input& input, bool has_good_beginning) {
  static const Bytes kEmpty = seal({}, {}, 64);
  auto piece = input.number();
  auto rest = input.rest();
  Bytes stream;
  if (has_good_beginning) stream.assign(kEmpty.begin(), kEmpty.begin() + kStreamPrefixSize);
  stream.insert(stream.end(), rest.begin(), rest.end());
  Bytes out;
  if (!opens({}, stream, piece, out)) return;
  auto salt = ByteView(stream).subspan(kStreamHeaderSize, kSaltSize);
  require(seal({}, out, piece, salt) == stream);
}

void damage(Input& input) {
  auto context = canonicalize(input.context());
  if (!context) return;
  Bytes plaintext(input.number() % kMostPlaintext);
  for (std::size_t i = 0; i < plaintext.size(); ++i) plaintext[i] = static_cast<std::uint8_t>(i % 251);
  const auto stream = seal(context.value(), plaintext, input.number());
  auto changed = stream;
  auto at = input.byte() % 2 == 0 ? 0 : kStreamPrefixSize;
  // Moves pieces of whole chunks, or of the parts of a prefix.
  changed.erase(changed.begin(), changed.begin() + static_cast<std::ptrdiff_t>(at));
  changed = damaged(std::move(changed), input, at == 0 ? 4 : kSealedChunkSize);
  changed.insert(changed.begin(), stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(at));
  Bytes out;
  require(opens(context.value(), changed, input.number(), out) == (changed == stream));
  require(out.size() <= plaintext.size() && std::equal(out.begin(), out.end(), plaintext.begin()));
  require(out.size() == plaintext.size() || changed != stream);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  switch (input.byte() % 4) {
    case 0:
      read_as_a_stream(input, false);
      break;
    case 1:
      read_as_a_stream(input, true);
      break;
    default:
      damage(input);
  }
  return 0;
}
