#include "envelope/chunked_encryption.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "crypto/hash.hpp"
#include "envelope/reasons.hpp"

namespace latchkey::envelope {

namespace {

constexpr std::string_view kLabel = "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM";
constexpr std::size_t kDerivedSize = crypto::kAesKeySize + crypto::kGcmNonceSize + kStreamCommitmentSize;
// The number of chunks in one pass through the cipher.
constexpr std::size_t kAtOnce = 16;

Error truncated() {
  return Error{ErrorCode::Corrupt, "the stream is cut off: it ends where none can end", reason::kStreamTruncated,
               "Get it again from where it was stored"};
}

Error damaged(std::uint64_t chunk) {
  return Error{
      ErrorCode::Corrupt,
      fmt::format("chunk {} of the stream, at plaintext byte {}, does not open: it is damaged or cut off, or it is "
                  "not the one that belongs there",
                  chunk, chunk * kChunkSize),
      reason::kStreamCorrupt};
}

Error wrong_size() {
  return Error{ErrorCode::Invalid, "chunks: the sizes of input and output do not fit"};
}

Error too_large() {
  return Error{ErrorCode::Invalid, "a stream holds less than 4 PiB; encrypt the data in parts",
               reason::kStreamTooLarge};
}

}  // namespace

Result<std::uint64_t> opened_chunks_size(std::uint64_t chunks_size) {
  if (chunks_size > sealed_chunks_size(kMaxStreamSize)) return too_large();
  auto rest = chunks_size % kSealedChunkSize;
  if (rest < crypto::kGcmTagSize) return truncated();
  return chunks_size - (chunks_size / kSealedChunkSize + 1) * crypto::kGcmTagSize;
}

ChunkedKeys::ChunkedKeys(const Prefix& prefix, crypto::SecretBytes secrets)
    : prefix_(prefix),
      base_nonce_(secrets.reveal().subspan(crypto::kAesKeySize, crypto::kGcmNonceSize)),
      key_(secrets.reveal().first<crypto::kAesKeySize>()) {}

Result<crypto::SecretBytes> ChunkedKeys::derive(ByteView key, ByteView context, ByteView salt) {
  if (key.size() != crypto::kAesKeySize) return Error{ErrorCode::Invalid, "a stream's key has 32 bytes"};
  Bytes info(kLabel.begin(), kLabel.end());
  info.push_back(0);
  info.insert(info.end(), salt.begin(), salt.end());
  info.insert(info.end(), context.begin(), context.end());
  return crypto::hkdf_expand_sha512(key, info, kDerivedSize);
}

Result<ChunkedKeys> ChunkedKeys::for_sealing(ByteView key, ByteView context, RandomSource& random) {
  Prefix prefix;
  auto salt = std::span(prefix).first<kSaltSize>();
  random.fill(salt);
  LATCHKEY_TRY(auto secrets, derive(key, context, salt));
  auto commitment = secrets.reveal().last<kStreamCommitmentSize>();
  std::copy(commitment.begin(), commitment.end(), prefix.begin() + kSaltSize);
  return ChunkedKeys(prefix, std::move(secrets));
}

Result<ChunkedKeys> ChunkedKeys::for_opening(ByteView key, ByteView context, const Prefix& prefix) {
  LATCHKEY_TRY(auto secrets, derive(key, context, std::span(prefix).first<kSaltSize>()));
  if (!crypto::equal_constant_time(secrets.reveal().last<kStreamCommitmentSize>(),
                                   std::span(prefix).last<kStreamCommitmentSize>())) {
    return Error{
        ErrorCode::WrongKey,
        "the stream does not fit: it was encrypted with another data key, for another workspace or with another "
        "context, or its beginning is damaged",
        reason::kStreamKeyMismatch};
  }
  return ChunkedKeys(prefix, std::move(secrets));
}

// Cuts the chunks into passes of kAtOnce messages, and calls `run` with the number of the first of each.
template <class Run>
Result<void> ChunkedKeys::for_each_run(std::uint64_t first, ByteView in, std::size_t in_chunk, MutableBytes out,
                                       std::size_t out_chunk, const Run& run) const {
  std::array<crypto::GcmMessage, kAtOnce> messages;
  auto base = base_nonce_.reveal();
  if (first + in.size() / in_chunk >= kMaxChunks) return too_large();
  bool is_done = false;
  while (!is_done) {
    std::size_t count = 0;
    for (; count < kAtOnce && !is_done; ++count) {
      auto& message = messages[count];
      message.in = in.first(std::min(in.size(), in_chunk));
      message.out = out.first(std::min(out.size(), out_chunk));
      std::copy(base.begin(), base.end(), message.nonce.begin());
      for (std::size_t i = 0; i < sizeof first; ++i) {
        message.nonce[crypto::kGcmNonceSize - 1 - i] ^= static_cast<std::uint8_t>((first + count) >> (8 * i));
      }
      in = in.subspan(message.in.size());
      out = out.subspan(message.out.size());
      is_done = in.empty() && out.empty();
    }
    LATCHKEY_TRYV(run(first, std::span(messages).first(count)));
    first += count;
  }
  return success();
}

Result<void> ChunkedKeys::seal(std::uint64_t first, ByteView plaintext, bool is_end, MutableBytes out) const {
  bool fits = out.size() == sealed_run_size(plaintext.size(), is_end) && (is_end || plaintext.size() % kChunkSize == 0);
  if (!fits) return wrong_size();
  if (out.empty()) return success();
  return for_each_run(first, plaintext, kChunkSize, out, kSealedChunkSize,
                      [&](std::uint64_t, std::span<const crypto::GcmMessage> messages) { return key_.seal(messages); });
}

Result<void> ChunkedKeys::open(std::uint64_t first, ByteView sealed, bool is_end, MutableBytes out) const {
  auto rest = sealed.size() % kSealedChunkSize;
  if (is_end && rest < crypto::kGcmTagSize) {
    crypto::wipe(out);
    return truncated();
  }
  if ((!is_end && rest != 0) || out.size() != opened_run_size(sealed.size(), is_end)) return wrong_size();
  if (sealed.empty()) return success();
  auto open_run = [&](std::uint64_t number, std::span<const crypto::GcmMessage> messages) -> Result<void> {
    LATCHKEY_TRY(auto opened, key_.open(messages));
    if (opened == messages.size()) return success();
    auto* bad = messages[opened].out.data();
    crypto::wipe({bad, static_cast<std::size_t>(out.data() + out.size() - bad)});
    return damaged(number + opened);
  };
  return for_each_run(first, sealed, kSealedChunkSize, out, kChunkSize, open_run);
}

}  // namespace latchkey::envelope
