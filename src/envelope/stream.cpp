#include "envelope/stream.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "envelope/reasons.hpp"

namespace latchkey::envelope {

namespace {

constexpr std::array<std::uint8_t, 4> kMagic{'L', 'K', 1, 2};
constexpr std::string_view kDomain = "latchkey-stream-v1";
constexpr std::size_t kChunksPerThread = 16;
// A reader keeps memory for at most this many chunks: more than 64 KiB touch, which is how much file servers read at
// once.
constexpr std::size_t kMostKept = 8 * kChunkSize;

using Header = std::array<std::uint8_t, kStreamHeaderSize>;

Bytes bound_context(ByteView header, const Uuid& compartment, const CanonicalContext& context) {
  Bytes bound(kDomain.begin(), kDomain.end());
  bound.insert(bound.end(), header.begin(), header.end());
  bound.insert(bound.end(), compartment.begin(), compartment.end());
  bound.insert(bound.end(), context.bytes().begin(), context.bytes().end());
  return bound;
}

Error over() {
  return Error{ErrorCode::Conflict, "the stream is over: it was finished, or failed before"};
}

Error without_keys() {
  return Error{ErrorCode::Conflict, "the stream's keys are gone, as the lease of its data key is over"};
}

// A thread's share of a run: whole chunks, and for the last thread the rest.
ByteView share_of(ByteView in, std::size_t chunk, unsigned number, unsigned count) {
  auto whole = in.size() / chunk;
  auto per_thread = (whole + count - 1) / count;
  auto begin = std::min(whole, per_thread * number) * chunk;
  auto end = number + 1 == count ? in.size() : std::min(whole, per_thread * (number + 1)) * chunk;
  return in.subspan(begin, end - begin);
}

}  // namespace

Result<std::uint64_t> opened_stream_size(std::uint64_t sealed_size) {
  return opened_chunks_size(sealed_size < kStreamPrefixSize ? 0 : sealed_size - kStreamPrefixSize);
}

Result<RawId> stream_data_key_id(ByteView beginning) {
  auto refuse = [](std::string message) { return Error{ErrorCode::Invalid, std::move(message), reason::kNotAStream}; };
  if (beginning.size() < kStreamHeaderSize) {
    return refuse(fmt::format("not a Latchkey stream: {} bytes, and the shortest has {}", beginning.size(),
                              sealed_stream_size(0)));
  }
  if (beginning[0] != kMagic[0] || beginning[1] != kMagic[1]) {
    return refuse("not a Latchkey stream: it does not begin with LK");
  }
  if (beginning[2] == 1 && beginning[3] == 1) {
    return refuse("this is a Latchkey record, not a stream: decrypt it as a record");
  }
  if (beginning[2] != kMagic[2] || beginning[3] != kMagic[3]) {
    return refuse(fmt::format("a Latchkey stream of version {} and algorithm {}, which this program does not know",
                              beginning[2], beginning[3]));
  }
  RawId id;
  std::copy_n(beginning.begin() + kMagic.size(), id.size(), id.begin());
  return id;
}

StreamCipher::StreamCipher(ByteView header, ChunkedKeys keys) : keys_(std::move(keys)) {
  auto rest = std::copy(header.begin(), header.end(), prefix_.begin());
  std::copy(keys_->prefix().begin(), keys_->prefix().end(), rest);
}

Result<StreamCipher> StreamCipher::for_sealing(const DataKey& key, const Uuid& compartment,
                                               const CanonicalContext& context, RandomSource& random) {
  Header header;
  std::copy(key.id().begin(), key.id().end(), std::copy(kMagic.begin(), kMagic.end(), header.begin()));
  LATCHKEY_TRY(auto keys,
               ChunkedKeys::for_sealing(key.material(), bound_context(header, compartment, context), random));
  return StreamCipher(header, std::move(keys));
}

Result<StreamCipher> StreamCipher::for_opening(const DataKey& key, const Uuid& compartment,
                                               const CanonicalContext& context, ByteView prefix) {
  LATCHKEY_TRY(auto id, stream_data_key_id(prefix));
  if (prefix.size() != kStreamPrefixSize) {
    return Error{ErrorCode::Corrupt, "the stream is cut off within its first bytes", reason::kStreamTruncated,
                 "Get it again from where it was stored"};
  }
  if (id != key.id())
    return Error{ErrorCode::WrongKey, "the stream was made with another data key", reason::kWrongDataKey};
  auto header = prefix.first(kStreamHeaderSize);
  ChunkedKeys::Prefix rest;
  std::copy(prefix.begin() + kStreamHeaderSize, prefix.end(), rest.begin());
  LATCHKEY_TRY(auto keys, ChunkedKeys::for_opening(key.material(), bound_context(header, compartment, context), rest));
  return StreamCipher(header, std::move(keys));
}

StreamRuns::StreamRuns(StreamCipher cipher, unsigned threads, bool seals)
    : cipher_(std::move(cipher)),
      seals_(seals),
      in_chunk_(seals ? kChunkSize : kSealedChunkSize),
      out_chunk_(seals ? kSealedChunkSize : kChunkSize),
      workers_(std::max(threads, 1U)),
      waiting_(workers_.count() * kChunksPerThread * in_chunk_),
      out_(workers_.count() * kChunksPerThread * out_chunk_ + out_chunk_) {}

// One run has at most the size of waiting_; a smaller one only at the end.
Result<void> StreamRuns::run(ByteView in, bool is_end, const StreamSink& sink) {
  if (!cipher_.has_keys()) return without_keys();
  if (!seals_ && is_end) {
    LATCHKEY_TRYV(opened_chunks_size(in.size()));
  }
  auto size = seals_ ? sealed_run_size(in.size(), is_end) : opened_run_size(in.size(), is_end);
  auto out = out_.mutable_view().first(size);
  std::vector<Result<void>> results(workers_.count(), success());
  workers_.run([&](unsigned number) {
    auto share = share_of(in, in_chunk_, number, workers_.count());
    bool ends = is_end && number + 1 == workers_.count();
    auto chunks = static_cast<std::size_t>(share.data() - in.data()) / in_chunk_;
    auto share_size = seals_ ? sealed_run_size(share.size(), ends) : opened_run_size(share.size(), ends);
    auto to = out.subspan(chunks * out_chunk_, share_size);
    results[number] = seals_ ? cipher_.chunks().seal(next_chunk_ + chunks, share, ends, to)
                             : cipher_.chunks().open(next_chunk_ + chunks, share, ends, to);
  });
  next_chunk_ += in.size() / in_chunk_;
  Result<void> result = success();
  for (auto& one : results) {
    if (!one) {
      result = std::move(one);
      break;
    }
  }
  if (result && !out.empty()) result = sink(out);
  crypto::wipe(out);
  return result;
}

Result<void> StreamRuns::write(ByteView in, const StreamSink& sink) {
  if (failed_) return *failed_;
  auto fail = [&](Error error) {
    failed_ = over();
    return error;
  };
  auto room = waiting_.mutable_view();
  while (!in.empty()) {
    // Whole runs are not copied.
    if (waiting_size_ == 0 && in.size() >= room.size()) {
      if (auto done = run(in.first(room.size()), false, sink); !done) return fail(done.error());
      in = in.subspan(room.size());
      continue;
    }
    auto part = in.first(std::min(in.size(), room.size() - waiting_size_));
    std::copy(part.begin(), part.end(), room.begin() + static_cast<std::ptrdiff_t>(waiting_size_));
    waiting_size_ += part.size();
    in = in.subspan(part.size());
    if (waiting_size_ < room.size()) break;
    auto done = run(room, false, sink);
    waiting_size_ = 0;
    crypto::wipe(room);
    if (!done) return fail(done.error());
  }
  return success();
}

Result<void> StreamRuns::finish(const StreamSink& sink) {
  if (failed_) return *failed_;
  failed_ = over();
  auto rest = waiting_.mutable_view().first(waiting_size_);
  auto done = run(rest, true, sink);
  crypto::wipe(rest);
  return done;
}

Result<void> StreamEncryptor::begin(const StreamSink& sink) {
  if (has_begun_) return success();
  has_begun_ = true;
  return sink(runs_.cipher().prefix());
}

Result<void> StreamEncryptor::write(ByteView plaintext, const StreamSink& sink) {
  LATCHKEY_TRYV(begin(sink));
  return runs_.write(plaintext, sink);
}

Result<void> StreamEncryptor::finish(const StreamSink& sink) {
  LATCHKEY_TRYV(begin(sink));
  return runs_.finish(sink);
}

struct StreamReader::Buffers {
  explicit Buffers(std::size_t wanted) : size(wanted), sealed(sealed_run_size(wanted, true)) {}
  std::size_t size;
  Bytes sealed;
  crypto::SecretBytes opened;  // allocated when needed
};

StreamReader::StreamReader(StreamCipher cipher, std::uint64_t size, ReadAt read_at)
    : cipher_(std::move(cipher)), size_(size), read_at_(std::move(read_at)), kept_(std::make_unique<KeptBuffers>()) {}

StreamReader::StreamReader(StreamReader&& other) noexcept = default;
StreamReader& StreamReader::operator=(StreamReader&& other) noexcept = default;
StreamReader::~StreamReader() = default;

std::unique_ptr<StreamReader::Buffers> StreamReader::take_buffers(std::size_t wanted) const {
  std::unique_ptr<Buffers> buffers;
  {
    MutexLock lock(kept_->mutex);
    buffers = std::move(kept_->buffers);
  }
  return buffers && buffers->size >= wanted ? std::move(buffers) : std::make_unique<Buffers>(wanted);
}

void StreamReader::keep_buffers(std::unique_ptr<Buffers> buffers) const {
  if (buffers->size > kMostKept) return;
  MutexLock lock(kept_->mutex);
  kept_->buffers = std::move(buffers);
}

Result<StreamReader> StreamReader::open(StreamCipher cipher, std::uint64_t sealed_size, ReadAt read_at) {
  LATCHKEY_TRY(auto size, opened_stream_size(sealed_size));
  StreamReader reader(std::move(cipher), size, std::move(read_at));
  crypto::SecretBytes last(static_cast<std::size_t>(size % kChunkSize));
  LATCHKEY_TRYV(reader.read_chunks(size / kChunkSize, 0, last.mutable_view()));
  return reader;
}

// Opens the chunks from `first` on that `out` touches; `out` begins `offset` bytes into the first of them.
Result<void> StreamReader::read_chunks(std::uint64_t first, std::uint64_t offset, MutableBytes out) const {
  if (!cipher_.has_keys()) return without_keys();
  auto begin = first * kChunkSize;
  auto wanted = std::min(size_, (begin + offset + out.size() + kChunkSize - 1) / kChunkSize * kChunkSize) - begin;
  // The last chunk is shorter than a full one, and may be empty.
  bool is_end = begin + wanted == size_ && (wanted % kChunkSize != 0 || wanted == 0);
  auto count = static_cast<std::size_t>(wanted);
  auto buffers = take_buffers(count);
  auto sealed = MutableBytes(buffers->sealed).first(sealed_run_size(count, is_end));
  LATCHKEY_TRYV(read_at_(kStreamPrefixSize + first * kSealedChunkSize, sealed));
  if (offset == 0 && count == out.size()) {
    LATCHKEY_TRYV(cipher_.chunks().open(first, sealed, is_end, out));
  } else {
    if (buffers->opened.size() < count) buffers->opened = crypto::SecretBytes(buffers->size);
    auto opened = buffers->opened.mutable_view().first(count);
    LATCHKEY_TRYV(cipher_.chunks().open(first, sealed, is_end, opened));
    auto part = opened.subspan(static_cast<std::size_t>(offset), out.size());
    std::copy(part.begin(), part.end(), out.begin());
    crypto::wipe(opened);
  }
  keep_buffers(std::move(buffers));
  return success();
}

Result<std::size_t> StreamReader::read(std::uint64_t offset, MutableBytes out) const {
  constexpr std::size_t kMost = kChunksPerThread * kChunkSize;
  if (offset >= size_) return std::size_t{0};
  auto all = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - offset)));
  for (auto left = all; !left.empty();) {
    auto within = offset % kChunkSize;
    auto part = left.first(std::min(left.size(), kMost - static_cast<std::size_t>(within)));
    if (auto done = read_chunks(offset / kChunkSize, within, part); !done) {
      crypto::wipe(out);
      return done.error();
    }
    offset += part.size();
    left = left.subspan(part.size());
  }
  return all.size();
}

}  // namespace latchkey::envelope
