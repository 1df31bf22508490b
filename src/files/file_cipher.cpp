#include "files/file_cipher.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/mutex.hpp"

namespace latchkey::files {

namespace {

constexpr std::size_t kChunksAtOnce = 32;
constexpr std::size_t kPiece = kChunksAtOnce * envelope::kChunkSize;

Error cannot(std::string_view what) {
  int cause = errno;
  return Error{ErrorCode::Unavailable, fmt::format("{}: {}", what, std::strerror(cause))};
}

// Reads up to `out.size()` bytes, fewer only at the end; from the current position where `at` is absent.
Result<std::size_t> read_some(int file, MutableBytes out, std::optional<std::uint64_t> at) {
  std::size_t got = 0;
  while (got < out.size()) {
    auto* to = out.data() + got;
    auto size = out.size() - got;
    auto count = at ? ::pread(file, to, size, static_cast<off_t>(*at + got)) : ::read(file, to, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("the input cannot be read");
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  return got;
}

Result<void> write_all(int file, ByteView in, std::optional<std::uint64_t> at) {
  for (std::size_t done = 0; done < in.size();) {
    const auto* from = in.data() + done;
    auto size = in.size() - done;
    auto count = at ? ::pwrite(file, from, size, static_cast<off_t>(*at + done)) : ::write(file, from, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("the output cannot be written");
    done += static_cast<std::size_t>(count);
  }
  return success();
}

bool is_regular(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

std::uint64_t position_of(int file) {
  return static_cast<std::uint64_t>(std::max<off_t>(::lseek(file, 0, SEEK_CUR), 0));
}

// Detects that a file changes while it is read.
class ChangeWatch {
 public:
  explicit ChangeWatch(int file) : file_(file), readable_(::fstat(file, &before_) == 0) {}
  [[nodiscard]] std::uint64_t size() const { return static_cast<std::uint64_t>(before_.st_size); }
  [[nodiscard]] bool has_changed() const {
    struct stat after {};
    return !readable_ || ::fstat(file_, &after) != 0 || after.st_size != before_.st_size ||
           after.st_mtim.tv_sec != before_.st_mtim.tv_sec || after.st_mtim.tv_nsec != before_.st_mtim.tv_nsec;
  }

 private:
  int file_;
  struct stat before_ {};
  bool readable_;
};

Error changed() {
  return Error{ErrorCode::Conflict,
               "the input changed while it was read; nothing was written",
               {},
               "Try again, or give it on standard input, which is taken as it comes"};
}

enum class BlockOutcome {
  Done,
  // The content is longer or shorter than the file's size says, as in /proc, /sys and some FUSE file systems:
  // everything written so far is discarded.
  SizeIsWrong,
};

// One direction between two regular files, for as long as the input's size proves right.
class BlockJob {
 public:
  BlockJob(const FileJob& job, const envelope::StreamCipher& cipher, bool seals)
      : job_(job),
        cipher_(cipher),
        seals_(seals),
        in_block_(kChunksAtOnce * (seals ? envelope::kChunkSize : envelope::kSealedChunkSize)),
        out_block_(kChunksAtOnce * (seals ? envelope::kSealedChunkSize : envelope::kChunkSize)) {}

  Result<BlockOutcome> run() {
    ChangeWatch watch(job_.in);
    in_begin_ = position_of(job_.in);
    out_begin_ = seals_ ? envelope::kStreamPrefixSize : 0;
    size_ = watch.size() > in_begin_ ? watch.size() - in_begin_ : 0;
    auto done = run_blocks();
    if (watch.has_changed()) return done || done.error().code == ErrorCode::Corrupt ? changed() : done.error();
    LATCHKEY_TRY(auto has_more, has_more_than_size());
    if (is_short_ || has_more) return BlockOutcome::SizeIsWrong;
    if (!done) return done.error();
    return BlockOutcome::Done;
  }

 private:
  Result<void> run_blocks() {
    auto out_size =
        seals_ ? Result<std::uint64_t>(envelope::sealed_chunks_size(size_)) : envelope::opened_chunks_size(size_);
    if (!out_size) return out_size.error();
    if (::ftruncate(job_.out, static_cast<off_t>(out_begin_ + out_size.value())) != 0) {
      return cannot("the output cannot be written");
    }
    if (seals_) {
      LATCHKEY_TRYV(write_all(job_.out, cipher_.prefix(), 0));
    }
    envelope::ChunkWorkers workers(job_.threads);
    workers.run([this](unsigned) { work(); });
    MutexLock lock(mutex_);
    if (failed_) return *failed_;
    return success();
  }

  Result<bool> has_more_than_size() {
    crypto::SecretBytes byte(1);
    LATCHKEY_TRY(auto got, read_some(job_.in, byte.mutable_view(), in_begin_ + size_));
    return got > 0;
  }

  void work() {
    crypto::SecretBytes plain(kPiece);
    Bytes sealed(kChunksAtOnce * envelope::kSealedChunkSize);
    for (;;) {
      auto block = next_.fetch_add(1);
      // A message always ends with a short chunk, even an empty one.
      if (block > size_ / in_block_ || is_over_) return;
      if (auto done = one(block, plain.mutable_view(), sealed); !done) {
        MutexLock lock(mutex_);
        is_over_ = true;
        if (!failed_) failed_ = done.error();
        return;
      }
    }
  }

  Result<void> one(std::uint64_t block, MutableBytes plain, MutableBytes sealed) {
    if (job_.may_go_on) {
      MutexLock lock(mutex_);
      LATCHKEY_TRYV(job_.may_go_on());
    }
    auto offset = block * in_block_;
    auto size = static_cast<std::size_t>(std::min<std::uint64_t>(in_block_, size_ - offset));
    bool is_end = size < in_block_;
    auto in = (seals_ ? plain : sealed).first(size);
    LATCHKEY_TRY(auto got, read_some(job_.in, in, in_begin_ + offset));
    if (got != size) {
      is_short_ = true;
      return changed();
    }
    auto first = block * kChunksAtOnce;
    auto out = (seals_ ? sealed : plain)
                   .first(seals_ ? envelope::sealed_run_size(size, is_end) : envelope::opened_run_size(size, is_end));
    LATCHKEY_TRYV(seals_ ? cipher_.chunks().seal(first, in, is_end, out)
                         : cipher_.chunks().open(first, in, is_end, out));
    {
      // The kernel runs one write to a file at a time; a thread that waits inside it burns a core.
      MutexLock lock(write_mutex_);
      LATCHKEY_TRYV(write_all(job_.out, out, out_begin_ + block * out_block_));
    }
    if (job_.progress != nullptr) *job_.progress += size;
    return success();
  }

  const FileJob& job_;
  const envelope::StreamCipher& cipher_;
  bool seals_;
  std::size_t in_block_;
  std::size_t out_block_;
  std::uint64_t in_begin_ = 0;
  std::uint64_t out_begin_ = 0;
  std::uint64_t size_ = 0;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<bool> is_over_{false};
  std::atomic<bool> is_short_{false};
  Mutex mutex_;
  Mutex write_mutex_;
  std::optional<Error> failed_ LATCHKEY_GUARDED_BY(mutex_);
};

// Processes the input in order, piece by piece.
template <class Engine>
Result<void> run_in_order(const FileJob& job, Engine engine) {
  crypto::SecretBytes buffer(job.threads * kPiece);
  auto sink = [&](ByteView out) { return write_all(job.out, out, std::nullopt); };
  for (;;) {
    if (job.may_go_on) {
      LATCHKEY_TRYV(job.may_go_on());
    }
    LATCHKEY_TRY(auto got, read_some(job.in, buffer.mutable_view(), std::nullopt));
    LATCHKEY_TRYV(engine.write(buffer.reveal().first(got), sink));
    if (job.progress != nullptr) *job.progress += got;
    if (got < buffer.size()) return engine.finish(sink);
  }
}

// Processes a regular file into one that nobody sees yet.
template <class Engine>
Result<void> run_between_files(const FileJob& job, envelope::StreamCipher cipher, bool seals) {
  auto begin = position_of(job.in);
  LATCHKEY_TRY(auto outcome, BlockJob(job, cipher, seals).run());
  if (outcome == BlockOutcome::Done) return success();
  if (job.progress != nullptr) *job.progress = 0;
  if (::lseek(job.in, static_cast<off_t>(begin), SEEK_SET) < 0) return cannot("the input cannot be read");
  if (::ftruncate(job.out, 0) != 0) return cannot("the output cannot be written");
  ChangeWatch watch(job.in);
  LATCHKEY_TRYV(run_in_order(job, Engine(std::move(cipher), job.threads)));
  return watch.has_changed() ? Result<void>(changed()) : success();
}

template <class Engine>
Result<void> run(const FileJob& job, envelope::StreamCipher cipher, bool seals) {
  if (job.is_private && is_regular(job.in)) return run_between_files<Engine>(job, std::move(cipher), seals);
  return run_in_order(job, Engine(std::move(cipher), job.threads));
}

}  // namespace

std::optional<std::uint64_t> bytes_left(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  auto size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
  return size - std::min(size, position_of(file));
}

Result<Bytes> read_prefix(int file) {
  Bytes prefix(envelope::kStreamPrefixSize);
  LATCHKEY_TRY(auto got, read_some(file, prefix, std::nullopt));
  prefix.resize(got);
  return prefix;
}

Result<void> seal_file(const FileJob& job, envelope::StreamCipher cipher) {
  return run<envelope::StreamEncryptor>(job, std::move(cipher), true);
}

Result<void> open_file(const FileJob& job, envelope::StreamCipher cipher) {
  return run<envelope::StreamDecryptor>(job, std::move(cipher), false);
}

}  // namespace latchkey::files
