// C2SP chunked encryption with SHA-512 and AES-256-GCM (Cobblestone-256, c2sp.org/chunked-encryption): the content of a
// stream, without Latchkey's header.
//
//   salt (24) ‖ commitment (32) ‖ chunks; every chunk has 16 KiB of plaintext and a tag, except the last, which is
//   shorter, and may be empty: so a message that ends with a full chunk is truncated.
//
// Chunks are independent: any run of them can be sealed or opened by itself, on any thread. Sizes are in bytes.
#pragma once

#include <array>

#include "base/random.hpp"
#include "crypto/aead.hpp"

namespace latchkey::envelope {

inline constexpr std::size_t kChunkSize = std::size_t{16} * 1024;
inline constexpr std::size_t kSealedChunkSize = kChunkSize + crypto::kGcmTagSize;
inline constexpr std::size_t kSaltSize = 24;
inline constexpr std::size_t kStreamCommitmentSize = 32;
inline constexpr std::size_t kChunkedPrefixSize = kSaltSize + kStreamCommitmentSize;
// The limit of one message: the specification ends it before chunk 2^38, 4 PiB.
inline constexpr std::uint64_t kMaxChunks = std::uint64_t{1} << 38;
inline constexpr std::uint64_t kMaxStreamSize = kMaxChunks * kChunkSize - 1;

// The size of a message's chunks, for `plaintext_size` bytes up to kMaxStreamSize.
[[nodiscard]] constexpr std::uint64_t sealed_chunks_size(std::uint64_t plaintext_size) {
  return plaintext_size + (plaintext_size / kChunkSize + 1) * crypto::kGcmTagSize;
}
// The reverse. Corrupt, "stream_truncated", where no message has chunks of that size; Invalid where it would be too
// large.
[[nodiscard]] Result<std::uint64_t> opened_chunks_size(std::uint64_t chunks_size);

// The keys of one message, which live in secret memory for as long as this object. Movable; const calls are
// thread-safe.
class ChunkedKeys {
 public:
  using Prefix = std::array<std::uint8_t, kChunkedPrefixSize>;

  // For a new message under `key`, which has 32 bytes; draws the salt. Invalid where the key has another size.
  [[nodiscard]] static Result<ChunkedKeys> for_sealing(ByteView key, ByteView context, RandomSource& random);
  // For a message that begins with `prefix`. WrongKey, "stream_key_mismatch", where the commitment does not match:
  // another key, another context, or a damaged prefix. Compares in constant time.
  [[nodiscard]] static Result<ChunkedKeys> for_opening(ByteView key, ByteView context, const Prefix& prefix);

  [[nodiscard]] const Prefix& prefix() const { return prefix_; }

  // Seals the chunks from number `first` on into `out`. `plaintext` is whole chunks; with `is_end` the rest of the
  // message follows, which may be empty, and ends it. `out` may be the same memory only where each chunk is in its own
  // place. Writes sealed_run_size(plaintext.size(), is_end) bytes; Invalid where the sizes do not match.
  [[nodiscard]] Result<void> seal(std::uint64_t first, ByteView plaintext, bool is_end, MutableBytes out) const;
  // Opens what seal made. Corrupt, "stream_corrupt", with the chunk's number, where a chunk is damaged or is not the
  // one at this place; `out` is zeroed from that chunk on, and what is before it is authentic.
  [[nodiscard]] Result<void> open(std::uint64_t first, ByteView sealed, bool is_end, MutableBytes out) const;

 private:
  ChunkedKeys(const Prefix& prefix, crypto::SecretBytes secrets);
  static Result<crypto::SecretBytes> derive(ByteView key, ByteView context, ByteView salt);
  template <class Run>
  Result<void> for_each_run(std::uint64_t first, ByteView in, std::size_t in_chunk, MutableBytes out,
                            std::size_t out_chunk, const Run& run) const;

  Prefix prefix_;
  crypto::SecretBytes base_nonce_;
  crypto::GcmKey key_;
};

// The sealed size of a run of chunks. In a run that ends the message, the last chunk is shorter than a full one.
[[nodiscard]] constexpr std::size_t sealed_run_size(std::size_t plaintext_size, bool is_end) {
  return plaintext_size + (plaintext_size / kChunkSize + (is_end ? 1 : 0)) * crypto::kGcmTagSize;
}
// The reverse, for sizes that a run can have.
[[nodiscard]] constexpr std::size_t opened_run_size(std::size_t sealed_size, bool is_end) {
  return sealed_size - (sealed_size / kSealedChunkSize + (is_end ? 1 : 0)) * crypto::kGcmTagSize;
}

}  // namespace latchkey::envelope
