// Fuzzes records: an input must be refused with the right code, or be exactly what sealing its plaintext makes; and a
// good record that was damaged must be refused, with nothing left of its plaintext.
#include "envelope/record.hpp"
#include "fuzzing.hpp"

namespace {

using namespace latchkey;
using namespace latchkey::envelope;
using namespace latchkey::fuzzing;

constexpr std::size_t kNonceOffset = 20;
constexpr std::size_t kNonceSize = 24;

Bytes seal(const CanonicalContext& context, ByteView plaintext, RandomSource& random) {
  Bytes record(sealed_size(plaintext.size()));
  require(static_cast<bool>(seal_record(data_key(), Uuid{{5}}, context, plaintext, random, record)));
  return record;
}

// Opens into another buffer and in place; both must agree, and nothing may be left where it does not open.
Result<Bytes> open(const CanonicalContext& context, ByteView record) {
  auto size = record.size() < kRecordOverhead ? 0 : record.size() - kRecordOverhead;
  Bytes out(size, 0xee);
  auto opened = open_record(data_key(), Uuid{{5}}, context, record, out);
  auto id = record_data_key_id(record);
  Bytes buffer = to_bytes(record);
  if (record.size() >= kRecordOverhead) {
    auto body = MutableBytes(buffer).subspan(kRecordBodyOffset, size);
    auto there = open_record(data_key(), Uuid{{5}}, context, buffer, body);
    require(static_cast<bool>(there) == static_cast<bool>(opened));
    require(std::ranges::equal(body, out));
  }
  if (opened) return out;
  require(out == Bytes(size, 0));
  const auto& error = opened.error();
  switch (error.code) {
    case ErrorCode::Invalid:
      require(!id && error.reason == "not_a_record");
      break;
    case ErrorCode::WrongKey:
      require(id && error.reason == "wrong_data_key");
      break;
    case ErrorCode::Corrupt:
      require(id && id.value() == data_key().id() && error.reason == "record_corrupt");
      break;
    default:
      require(false);
  }
  return error;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  auto how = input.byte();
  if (how % 2 == 0) {
    CanonicalContext none;
    auto record = input.rest();
    if (auto opened = open(none, record)) {
      Replayed same(record.subspan(kNonceOffset, kNonceSize));
      require(std::ranges::equal(seal(none, opened.value(), same), record));
    }
    return 0;
  }
  auto context = canonicalize(input.context());
  if (!context) return 0;
  auto plaintext = to_bytes(input.bytes(input.number()));
  Replayed random(Bytes(kNonceSize, 7));
  const auto record = seal(context.value(), plaintext, random);
  const auto changed = damaged(record, input, 16);
  auto opened = open(context.value(), changed);
  require(static_cast<bool>(opened) == (changed == record));
  if (opened) require(opened.value() == plaintext);
  auto other = canonicalize(input.context());
  if (other && !std::ranges::equal(other.value().bytes(), context.value().bytes())) {
    require(!open(other.value(), record));
  }
  return 0;
}
