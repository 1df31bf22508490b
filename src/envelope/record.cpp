#include "envelope/record.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "envelope/reasons.hpp"
#include "envelope/xaes.hpp"

namespace latchkey::envelope {

namespace {

constexpr std::array<std::uint8_t, 4> kMagic{'L', 'K', 1, 1};
constexpr std::size_t kHeaderSize = kMagic.size() + std::tuple_size_v<RawId>;
constexpr std::size_t kNonceOffset = kHeaderSize;
constexpr std::size_t kCommitmentOffset = kNonceOffset + kXaesNonceSize;
static_assert(kRecordBodyOffset == kCommitmentOffset + kCommitmentSize);
static_assert(kRecordOverhead == kRecordBodyOffset + crypto::kGcmTagSize);

Error wrong_size() {
  return Error{ErrorCode::Invalid, fmt::format("a record is {} bytes longer than its plaintext", kRecordOverhead)};
}

// Header ‖ compartment id ‖ canonical context, on the stack.
class AssociatedData {
 public:
  AssociatedData(const RawId& data_key, const Uuid& compartment, const CanonicalContext& context) {
    auto at = std::copy(kMagic.begin(), kMagic.end(), bytes_.begin());
    at = std::copy(data_key.begin(), data_key.end(), at);
    at = std::copy(compartment.begin(), compartment.end(), at);
    auto bytes = context.bytes();
    at = std::copy(bytes.begin(), bytes.end(), at);
    size_ = static_cast<std::size_t>(at - bytes_.begin());
  }
  [[nodiscard]] ByteView view() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, kHeaderSize + std::tuple_size_v<RawId> + kMaxContextSize> bytes_;
  std::size_t size_ = 0;
};

// Reads in the same parts in which the bytes were just written: a read across other parts stalls the processor.
template <std::size_t Part>
void copy_by(ByteView from, std::uint8_t* to) {
  for (; !from.empty(); from = from.subspan(Part), to += Part) std::memcpy(to, from.data(), Part);
}

bool fits(const RecordToSeal& record) {
  if (record.out.size() < kRecordOverhead) return false;
  auto left = record.out.size() - kRecordOverhead;
  for (auto piece : record.plaintext) {
    if (piece.size() > left) return false;
    left -= piece.size();
  }
  return left == 0;
}

// Seals at most kXaesAtOnce records, whose sizes were checked.
Result<void> seal_together(const DataKey& key, const Uuid& compartment, std::span<const RecordToSeal> records,
                           RandomSource& random) {
  std::array<XaesNonce, kXaesAtOnce> nonces;
  for (std::size_t i = 0; i < records.size(); ++i) random.draw_nonce(nonces[i]);
  // Comes before the nonces' ends are made, so that the processor does both at once.
  XaesKeys keys(key, std::span(nonces).first(records.size()));
  for (std::size_t i = 0; i < records.size(); ++i) {
    // Everything sealed under this key that may differ; the compartment and the header do not.
    const std::array<ByteView, 1> bound{records[i].context->bytes()};
    random.hedge_nonce(nonces[i], bound, records[i].plaintext);
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    auto* out = records[i].out.data();
    std::copy(kMagic.begin(), kMagic.end(), out);
    std::copy(key.id().begin(), key.id().end(), out + kMagic.size());
    copy_by<kXaesNonceSize / 2>(nonces[i], out + kNonceOffset);
    AssociatedData aad(key.id(), compartment, *records[i].context);
    LATCHKEY_TRYV(crypto::gcm_seal(keys.message_key(i), gcm_nonce(nonces[i]), records[i].plaintext, aad.view(),
                                   records[i].out.subspan(kRecordBodyOffset)));
  }
  // Comes last because nothing waits for it.
  keys.commit();
  for (std::size_t i = 0; i < records.size(); ++i) {
    copy_by<crypto::kAesBlockSize>(keys.commitment(i), records[i].out.data() + kCommitmentOffset);
  }
  return success();
}

Result<void> open_checked(const DataKey& key, const Uuid& compartment, const CanonicalContext& context, ByteView record,
                          MutableBytes out) {
  LATCHKEY_TRY(auto id, record_data_key_id(record));
  if (out.size() != record.size() - kRecordOverhead) return wrong_size();
  if (id != key.id())
    return Error{ErrorCode::WrongKey, "the record was made with another data key", reason::kWrongDataKey};
  XaesNonce nonce;
  std::copy_n(record.begin() + kNonceOffset, nonce.size(), nonce.begin());
  XaesKeys keys(key, {&nonce, 1});
  keys.commit();
  if (!crypto::equal_constant_time(keys.commitment(0), record.subspan<kCommitmentOffset, kCommitmentSize>())) {
    return Error{ErrorCode::WrongKey,
                 "the record's key commitment does not fit its data key: it was made with another, "
                 "or its nonce or commitment is damaged",
                 reason::kWrongDataKey};
  }
  AssociatedData aad(id, compartment, context);
  return crypto::gcm_open(keys.message_key(0), gcm_nonce(nonce), record.subspan(kRecordBodyOffset), aad.view(), out);
}

}  // namespace

Result<void> seal_records(const DataKey& key, const Uuid& compartment, std::span<const RecordToSeal> records,
                          RandomSource& random) {
  if (!std::ranges::all_of(records, fits)) return wrong_size();
  while (!records.empty()) {
    auto now = records.first(std::min(records.size(), kXaesAtOnce));
    LATCHKEY_TRYV(seal_together(key, compartment, now, random));
    records = records.subspan(now.size());
  }
  return success();
}

Result<void> seal_record(const DataKey& key, const Uuid& compartment, const CanonicalContext& context,
                         std::span<const ByteView> plaintext, RandomSource& random, MutableBytes out) {
  RecordToSeal record{&context, plaintext, out};
  return seal_records(key, compartment, {&record, 1}, random);
}

Result<void> seal_record(const DataKey& key, const Uuid& compartment, const CanonicalContext& context,
                         ByteView plaintext, RandomSource& random, MutableBytes out) {
  return seal_record(key, compartment, context, std::span(&plaintext, 1), random, out);
}

bool begins_as_record(ByteView beginning) {
  return beginning.size() >= kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), beginning.begin());
}

Result<RawId> record_data_key_id(ByteView record) {
  auto refuse = [](std::string message) { return Error{ErrorCode::Invalid, std::move(message), reason::kNotARecord}; };
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

Result<void> open_record(const DataKey& key, const Uuid& compartment, const CanonicalContext& context, ByteView record,
                         MutableBytes out) {
  auto opened = open_checked(key, compartment, context, record, out);
  if (opened) return opened;
  crypto::wipe(out);
  if (opened.error().code == ErrorCode::Corrupt) {
    return Error{ErrorCode::Corrupt,
                 "the record does not open: it is damaged, or belongs to another workspace or another context",
                 reason::kRecordCorrupt};
  }
  return opened;
}

}  // namespace latchkey::envelope
