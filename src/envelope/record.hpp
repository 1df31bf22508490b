// Records: a short message sealed under a data key for one compartment. XAES-256-GCM with key commitment
// (c2sp.org/XAES-256-GCM; eprint 2025/758), behind a 20-byte header:
//
//   | bytes | what                                                              |
//   |     4 | 'L' 'K' 01 (version) 01 (algorithm: XAES-256-GCM-KC)              |
//   |    16 | data key id                                                       |
//   |    24 | nonce, random                                                     |
//   |    32 | key commitment                                                    |
//   |     n | ciphertext                                                        |
//   |    16 | tag                                                               |
//
// Also authenticated: header ‖ compartment id (16) ‖ canonical context. docs/format.md is the specification.
// Pure functions over bytes and keys; thread-safe.
#pragma once

#include "base/bytes.hpp"
#include "base/id.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "envelope/context.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::envelope {

inline constexpr std::size_t kRecordBodyOffset = 4 + 16 + 24 + 32;
inline constexpr std::size_t kRecordOverhead = kRecordBodyOffset + 16;

[[nodiscard]] constexpr std::size_t sealed_size(std::size_t plaintext_size) {
  return plaintext_size + kRecordOverhead;
}

// Seals `plaintext` into `out`, which has sealed_size(plaintext.size()) bytes. The plaintext may already be at
// out.data() + kRecordBodyOffset (in place); otherwise the two must not overlap. Does not allocate. Invalid where the
// sizes do not match.
[[nodiscard]] Result<void> seal_record(const DataKey& key, const Uuid& compartment, const CanonicalContext& context,
                                       ByteView plaintext, RandomSource& random, MutableBytes out);
// The same for a plaintext in pieces.
[[nodiscard]] Result<void> seal_record(const DataKey& key, const Uuid& compartment, const CanonicalContext& context,
                                       std::span<const ByteView> plaintext, RandomSource& random, MutableBytes out);

struct RecordToSeal {
  const CanonicalContext* context;  // not null; must outlive the call
  std::span<const ByteView> plaintext;
  MutableBytes out;
};
// Seals many records together, which costs less than one after the other. As seal_record; Invalid, with nothing
// written, where any size does not match.
[[nodiscard]] Result<void> seal_records(const DataKey& key, const Uuid& compartment,
                                        std::span<const RecordToSeal> records, RandomSource& random);

// True where these first bytes, 4 or more, begin a record that this program knows.
[[nodiscard]] bool begins_as_record(ByteView beginning);

// Returns the id of the data key that a record names. Invalid where it is too short or not a record ("not a Latchkey
// record"), or of a version or algorithm that this program does not know (the message names it).
[[nodiscard]] Result<RawId> record_data_key_id(ByteView record);

// Opens a record into `out`, which has record.size() - kRecordOverhead bytes and may be the record's own memory from
// kRecordBodyOffset on (in place); `out` is zeroed on any error. Does not allocate. WrongKey where the commitment does
// not match the key, or the record names another data key; Corrupt where the tag does not match: damaged data, another
// compartment or another context; Invalid as record_data_key_id, or where the sizes do not match.
[[nodiscard]] Result<void> open_record(const DataKey& key, const Uuid& compartment, const CanonicalContext& context,
                                       ByteView record, MutableBytes out);

}  // namespace latchkey::envelope
