#include "envelope/record.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "envelope/xaes.hpp"

namespace latchkey::envelope {

namespace {

constexpr std::array<std::uint8_t, 4> kMagic{'L', 'K', 1, 1};
constexpr std::size_t kHeaderSize = kMagic.size() + std::tuple_size_v<RawId>;
constexpr std::size_t kNonceOffset = kHeaderSize;
constexpr std::size_t kCommitmentOffset = kNonceOffset + kXaesNonceSize;
constexpr std::size_t kBodyOffset = kCommitmentOffset + kCommitmentSize;
static_assert(kBodyOffset + crypto::kGcmTagSize == kRecordOverhead);

// header ‖ compartment id ‖ canonical context.
Result<Bytes> associated_data(ByteView header, const Uuid& compartment, const Context& context) {
  LATCHKEY_TRY(auto canonical, canonicalize(context));
  Bytes aad(header.begin(), header.end());
  aad.insert(aad.end(), compartment.begin(), compartment.end());
  aad.insert(aad.end(), canonical.begin(), canonical.end());
  return aad;
}

}  // namespace

Result<void> seal_record(const DataKey& key, const Uuid& compartment, const Context& context, ByteView plaintext,
                         RandomSource& random, MutableBytes out) {
  if (out.size() < kRecordOverhead || out.size() - kRecordOverhead != plaintext.size()) {
    return Error{ErrorCode::Invalid, fmt::format("a record is {} bytes longer than its plaintext", kRecordOverhead)};
  }
  std::copy(kMagic.begin(), kMagic.end(), out.begin());
  std::copy(key.id().begin(), key.id().end(), out.begin() + kMagic.size());
  LATCHKEY_TRY(auto aad, associated_data(out.first(kHeaderSize), compartment, context));
  auto nonce = out.subspan<kNonceOffset, kXaesNonceSize>();
  random.fill(nonce);
  auto keys = derive_xaes_keys(key, nonce);
  std::copy(keys.commitment.begin(), keys.commitment.end(), out.begin() + kCommitmentOffset);
  return crypto::gcm_seal(keys.message_key.reveal().first<crypto::kAesKeySize>(), gcm_nonce(nonce), plaintext, aad,
                          out.subspan(kBodyOffset));
}

Result<RawId> record_data_key_id(ByteView record) {
  auto refuse = [](std::string message) { return Error{ErrorCode::Invalid, std::move(message), "not_a_record"}; };
  if (record.size() < kRecordOverhead) {
    return refuse(
        fmt::format("not a Latchkey record: {} bytes, and the shortest has {}", record.size(), kRecordOverhead));
  }
  if (record[0] != kMagic[0] || record[1] != kMagic[1])
    return refuse("not a Latchkey record: it does not begin with LK");
  if (record[2] != kMagic[2] || record[3] != kMagic[3]) {
    return refuse(fmt::format("a Latchkey record of version {} and algorithm {}, which this program does not know",
                              record[2], record[3]));
  }
  RawId id;
  std::copy_n(record.begin() + kMagic.size(), id.size(), id.begin());
  return id;
}

Result<void> open_record(const DataKey& key, const Uuid& compartment, const Context& context, ByteView record,
                         MutableBytes out) {
  crypto::wipe(out);
  LATCHKEY_TRY(auto id, record_data_key_id(record));
  if (out.size() != record.size() - kRecordOverhead) {
    return Error{ErrorCode::Invalid, fmt::format("a record is {} bytes longer than its plaintext", kRecordOverhead)};
  }
  if (id != key.id()) return Error{ErrorCode::WrongKey, "the record was made with another data key", "wrong_data_key"};
  LATCHKEY_TRY(auto aad, associated_data(record.first(kHeaderSize), compartment, context));
  auto nonce = record.subspan<kNonceOffset, kXaesNonceSize>();
  auto keys = derive_xaes_keys(key, nonce);
  if (!crypto::equal_constant_time(keys.commitment, record.subspan<kCommitmentOffset, kCommitmentSize>())) {
    return Error{ErrorCode::WrongKey,
                 "the record's key commitment does not fit its data key: it was made with another, "
                 "or its nonce or commitment is damaged",
                 "wrong_data_key"};
  }
  auto opened = crypto::gcm_open(keys.message_key.reveal().first<crypto::kAesKeySize>(), gcm_nonce(nonce),
                                 record.subspan(kBodyOffset), aad, out);
  if (!opened && opened.error().code == ErrorCode::Corrupt) {
    return Error{ErrorCode::Corrupt,
                 "the record does not open: it is damaged, or belongs to another workspace or another context",
                 "record_corrupt"};
  }
  return opened;
}

}  // namespace latchkey::envelope
