// Streams: data of any size under a data key for one compartment, in chunks that are checked one by one. Behind a
// header of 20 bytes it is C2SP chunked encryption (chunked_encryption.hpp):
//
//   'L' 'K' 01 (version) 02 (algorithm: Cobblestone-256) ‖ data key id (16) ‖ salt (24) ‖ commitment (32) ‖ chunks
//
// The chunked encryption's context is "latchkey-stream-v1" ‖ the first 20 bytes ‖ compartment id (16) ‖ canonical
// context. docs/format.md has it all. No plaintext leaves before its chunk's tag was checked.
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

// How long a stream of `plaintext_size` bytes is, up to kMaxStreamSize.
[[nodiscard]] constexpr std::uint64_t sealed_stream_size(std::uint64_t plaintext_size) {
  return kStreamPrefixSize + sealed_chunks_size(plaintext_size);
}
// And back. Corrupt, "stream_truncated", where no stream has that size.
[[nodiscard]] Result<std::uint64_t> opened_stream_size(std::uint64_t sealed_size);

// The data key that a stream names, from its first kStreamHeaderSize bytes or more. Invalid, "not_a_stream", where it
// is too short, no stream, or of a version or algorithm that this program does not know; the message says which.
[[nodiscard]] Result<RawId> stream_data_key_id(ByteView beginning);

// What it takes to seal or open any part of one stream. Movable; const calls are thread-safe.
class StreamCipher {
 public:
  [[nodiscard]] static Result<StreamCipher> for_sealing(const DataKey& key, const Uuid& compartment,
                                                        const CanonicalContext& context, RandomSource& random);
  // `prefix` is the stream's first kStreamPrefixSize bytes. Invalid as stream_data_key_id; WrongKey where the stream
  // names another data key ("wrong_data_key") or does not fit this one ("stream_key_mismatch").
  [[nodiscard]] static Result<StreamCipher> for_opening(const DataKey& key, const Uuid& compartment,
                                                        const CanonicalContext& context, ByteView prefix);

  // The stream's first kStreamPrefixSize bytes.
  [[nodiscard]] ByteView prefix() const { return prefix_; }
  // Only where has_keys.
  [[nodiscard]] const ChunkedKeys& chunks() const { return *keys_; }

  // Wipes the keys, and keeps the prefix, by which for_opening makes them anew. Until it is assigned what that gives,
  // sealing and opening fail with Conflict.
  void forget() { keys_.reset(); }
  [[nodiscard]] bool has_keys() const { return keys_.has_value(); }

 private:
  StreamCipher(ByteView header, ChunkedKeys keys);
  std::array<std::uint8_t, kStreamPrefixSize> prefix_;
  std::optional<ChunkedKeys> keys_;
};

// Takes what comes out, piece by piece and in order. Its error ends the call that made it, and is that call's.
using StreamSink = std::function<Result<void>(ByteView)>;

// A run of chunks for each thread, done at once; what both directions share. Memory: 512 KiB for each thread.
class StreamRuns {
 public:
  StreamRuns(StreamCipher cipher, unsigned threads, bool seals);
  // Takes bytes, and gives out every run that is whole.
  [[nodiscard]] Result<void> write(ByteView in, const StreamSink& sink);
  [[nodiscard]] Result<void> finish(const StreamSink& sink);
  // Not to be changed while another call runs.
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

// Plaintext in, stream out. One thread at a time; after an error, and after finish, every call is refused (Conflict).
class StreamEncryptor {
 public:
  // `threads` of 1 or more work at once.
  StreamEncryptor(StreamCipher cipher, unsigned threads) : runs_(std::move(cipher), threads, true) {}
  [[nodiscard]] Result<void> write(ByteView plaintext, const StreamSink& sink);
  // The rest, and the end, without which what went out is no stream.
  [[nodiscard]] Result<void> finish(const StreamSink& sink);
  // Not to be changed while another call runs.
  [[nodiscard]] StreamCipher& cipher() { return runs_.cipher(); }

 private:
  [[nodiscard]] Result<void> begin(const StreamSink& sink);
  StreamRuns runs_;
  bool has_begun_ = false;
};

// Stream in, from behind its prefix, plaintext out. What the sink gets is the stream's, and is all of it only once
// finish has succeeded: until then it may have been cut off. Corrupt: "stream_corrupt" with the chunk's number,
// "stream_truncated". One thread at a time; after an error, and after finish, every call is refused (Conflict).
class StreamDecryptor {
 public:
  StreamDecryptor(StreamCipher cipher, unsigned threads) : runs_(std::move(cipher), threads, false) {}
  [[nodiscard]] Result<void> write(ByteView sealed, const StreamSink& sink) { return runs_.write(sealed, sink); }
  [[nodiscard]] Result<void> finish(const StreamSink& sink) { return runs_.finish(sink); }

 private:
  StreamRuns runs_;
};

// Reads any part of a stream that can be read at any place. Const calls are thread-safe where `read_at` is.
class StreamReader {
 public:
  // Fills all of `out` from the sealed stream's byte `offset` on.
  using ReadAt = std::function<Result<void>(std::uint64_t offset, MutableBytes out)>;

  // Opens the last chunk first, for that one decides how long the stream is. Corrupt as StreamDecryptor; errors of
  // `read_at`.
  [[nodiscard]] static Result<StreamReader> open(StreamCipher cipher, std::uint64_t sealed_size, ReadAt read_at);
  StreamReader(StreamReader&& other) noexcept;
  StreamReader& operator=(StreamReader&& other) noexcept;
  ~StreamReader();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Fills `out` from the plaintext's byte `offset` on, and says how much of it: less than all at the end alone, and
  // nothing behind it. Corrupt where a chunk that it touches does not open; `out` is then zeroed.
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes out) const;
  // Not to be changed while another call runs.
  [[nodiscard]] StreamCipher& cipher() { return cipher_; }

 private:
  // Memory for the chunks that a short read reaches into.
  struct Room;
  // The one that is kept: mapping and locking memory anew for each read takes longer than opening what is read.
  struct KeptRoom {
    Mutex mutex;
    std::unique_ptr<Room> room LATCHKEY_GUARDED_BY(mutex);  // null while a read has it
  };

  StreamReader(StreamCipher cipher, std::uint64_t size, ReadAt read_at);
  [[nodiscard]] Result<void> read_chunks(std::uint64_t first, std::uint64_t offset, MutableBytes out) const;
  [[nodiscard]] std::unique_ptr<Room> take_room(std::size_t wanted) const;
  void keep_room(std::unique_ptr<Room> room) const;

  StreamCipher cipher_;
  std::uint64_t size_;
  ReadAt read_at_;
  std::unique_ptr<KeptRoom> kept_;
};

}  // namespace latchkey::envelope
