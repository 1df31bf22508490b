// Streams: data of any size under a data key for one compartment, in chunks that are checked one by one. Behind a
// header of 20 bytes it is C2SP chunked encryption (chunked_encryption.hpp):
//
//   'L' 'K' 01 (version) 02 (algorithm: Cobblestone-256) ‖ data key id (16) ‖ salt (24) ‖ commitment (32) ‖ chunks
//
// The chunked encryption's context is "latchkey-stream-v1" ‖ the first 20 bytes ‖ compartment id (16) ‖ canonical
// context. docs/format.md is the specification. No plaintext leaves before its chunk's tag was checked. Sizes are in
// bytes.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/id.hpp"
#include "base/mutex.hpp"
#include "envelope/chunk_workers.hpp"
#include "envelope/chunked_encryption.hpp"
#include "envelope/context.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::envelope {

inline constexpr std::size_t kStreamHeaderSize = 4 + 16;
inline constexpr std::size_t kStreamPrefixSize = kStreamHeaderSize + kChunkedPrefixSize;

// The size of a stream with `plaintext_size` bytes, up to kMaxStreamSize.
[[nodiscard]] constexpr std::uint64_t sealed_stream_size(std::uint64_t plaintext_size) {
  return kStreamPrefixSize + sealed_chunks_size(plaintext_size);
}
// The reverse. Corrupt, "stream_truncated", where no stream has that size.
[[nodiscard]] Result<std::uint64_t> opened_stream_size(std::uint64_t sealed_size);

// Returns the id of the data key that a stream names, from its first kStreamHeaderSize bytes or more. Invalid,
// "not_a_stream", where it is too short, no stream, or of a version or algorithm that this program does not know; the
// message says which.
[[nodiscard]] Result<RawId> stream_data_key_id(ByteView beginning);

// Seals or opens any part of one stream. Movable; const calls are thread-safe.
class StreamCipher {
 public:
  [[nodiscard]] static Result<StreamCipher> for_sealing(const DataKey& key, const Uuid& compartment,
                                                        const CanonicalContext& context, RandomSource& random);
  // `prefix` is the stream's first kStreamPrefixSize bytes. Invalid as stream_data_key_id; Corrupt, "stream_truncated",
  // where `prefix` is shorter; WrongKey where the stream names another data key ("wrong_data_key") or does not match
  // this one ("stream_key_mismatch").
  [[nodiscard]] static Result<StreamCipher> for_opening(const DataKey& key, const Uuid& compartment,
                                                        const CanonicalContext& context, ByteView prefix);

  // The stream's first kStreamPrefixSize bytes.
  [[nodiscard]] ByteView prefix() const { return prefix_; }
  // Only where has_keys.
  [[nodiscard]] const ChunkedKeys& chunks() const { return *keys_; }

  // Wipes the keys and keeps the prefix, from which for_opening makes a new cipher. Until that is assigned to this one,
  // sealing and opening fail with Conflict.
  void forget() { keys_.reset(); }
  [[nodiscard]] bool has_keys() const { return keys_.has_value(); }

 private:
  StreamCipher(ByteView header, ChunkedKeys keys);
  std::array<std::uint8_t, kStreamPrefixSize> prefix_;
  std::optional<ChunkedKeys> keys_;
};

// Receives the output, piece by piece and in order. Its error ends the call that produced the piece, and is returned
// from there.
using StreamSink = std::function<Result<void>(ByteView)>;

// Processes a run of chunks on each thread at once; both directions share it. Memory: 512 KiB for each thread.
class StreamRuns {
 public:
  StreamRuns(StreamCipher cipher, unsigned threads, bool seals);
  // Takes bytes, and passes every run that is complete to `sink`.
  [[nodiscard]] Result<void> write(ByteView in, const StreamSink& sink);
  [[nodiscard]] Result<void> finish(const StreamSink& sink);
  // Do not change it while another call runs.
  [[nodiscard]] StreamCipher& cipher() { return cipher_; }

 private:
  [[nodiscard]] Result<void> run(ByteView in, bool is_end, const StreamSink& sink);

  StreamCipher cipher_;
  bool seals_;
  std::size_t in_chunk_;
  std::size_t out_chunk_;
  ChunkWorkers workers_;
  crypto::SecretBytes waiting_;  // less than a run
  std::size_t waiting_size_ = 0;
  crypto::SecretBytes out_;
  std::uint64_t next_chunk_ = 0;
  std::optional<Error> failed_;
};

// Takes plaintext and writes a stream. One thread at a time; after an error, and after finish, every call fails with
// Conflict.
class StreamEncryptor {
 public:
  // `threads`, 1 or more, work at once. Throws std::system_error where the system has no more threads.
  StreamEncryptor(StreamCipher cipher, unsigned threads) : runs_(std::move(cipher), threads, true) {}
  [[nodiscard]] Result<void> write(ByteView plaintext, const StreamSink& sink);
  // Writes the rest and the end, without which the output is no stream.
  [[nodiscard]] Result<void> finish(const StreamSink& sink);
  // Do not change it while another call runs.
  [[nodiscard]] StreamCipher& cipher() { return runs_.cipher(); }

 private:
  [[nodiscard]] Result<void> begin(const StreamSink& sink);
  StreamRuns runs_;
  bool has_begun_ = false;
};

// Takes a stream, from behind its prefix, and writes plaintext. The sink receives only authentic plaintext, but the
// stream may be cut off until finish has succeeded. Corrupt: "stream_corrupt" with the chunk's number,
// "stream_truncated". One thread at a time; after an error, and after finish, every call fails with Conflict.
class StreamDecryptor {
 public:
  StreamDecryptor(StreamCipher cipher, unsigned threads) : runs_(std::move(cipher), threads, false) {}
  [[nodiscard]] Result<void> write(ByteView sealed, const StreamSink& sink) { return runs_.write(sealed, sink); }
  [[nodiscard]] Result<void> finish(const StreamSink& sink) { return runs_.finish(sink); }

 private:
  StreamRuns runs_;
};

// Reads any part of a stream whose bytes can be read at random. Const calls are thread-safe where `read_at` is.
class StreamReader {
 public:
  // Fills all of `out` from the sealed stream's byte `offset` on.
  using ReadAt = std::function<Result<void>(std::uint64_t offset, MutableBytes out)>;

  // Opens the last chunk first, because that one decides how long the stream is. Corrupt as StreamDecryptor; otherwise
  // the errors of `read_at`.
  [[nodiscard]] static Result<StreamReader> open(StreamCipher cipher, std::uint64_t sealed_size, ReadAt read_at);
  StreamReader(StreamReader&& other) noexcept;
  StreamReader& operator=(StreamReader&& other) noexcept;
  ~StreamReader();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Fills `out` from the plaintext's byte `offset` on, and returns how many bytes it filled: fewer than all only at the
  // end. Corrupt where a chunk that it touches does not open; `out` is then zeroed.
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes out) const;
  // Do not change it while another call runs.
  [[nodiscard]] StreamCipher& cipher() { return cipher_; }

 private:
  // Memory for the chunks that a short read touches.
  struct Buffers;
  // Kept from read to read: mapping and locking new memory takes longer than opening the chunks of a read.
  struct KeptBuffers {
    Mutex mutex;
    std::unique_ptr<Buffers> buffers LATCHKEY_GUARDED_BY(mutex);  // null while a read has them
  };

  StreamReader(StreamCipher cipher, std::uint64_t size, ReadAt read_at);
  [[nodiscard]] Result<void> read_chunks(std::uint64_t first, std::uint64_t offset, MutableBytes out) const;
  [[nodiscard]] std::unique_ptr<Buffers> take_buffers(std::size_t wanted) const;
  void keep_buffers(std::unique_ptr<Buffers> buffers) const;

  StreamCipher cipher_;
  std::uint64_t size_;
  ReadAt read_at_;
  std::unique_ptr<KeptBuffers> kept_;
};

}  // namespace latchkey::envelope
