// Reads a file, seals or opens it as a stream, and writes the result, on as many threads as the caller gives. Between
// regular files each thread takes a block, reads it from its place and writes it to its place; all other files are
// processed in order, and so are files whose content is longer or shorter than their size says (/proc, /sys, some
// FUSE): a size is a hint, and the end of the content decides. Memory: about 1.5 MiB for each thread. Blocking: not for
// I/O threads.
#pragma once

#include <atomic>
#include <functional>

#include "base/bytes.hpp"
#include "envelope/stream.hpp"

namespace latchkey::files {

struct FileJob {
  int in = -1;
  int out = -1;
  unsigned threads = 1;
  // True where blocks may be written to `out` in any order, because nobody sees the file yet.
  bool is_private = false;
  // The number of bytes read so far, for showing progress; may be null.
  std::atomic<std::uint64_t>* progress = nullptr;
  // Called before each block, from any of the threads, one at a time; its error ends the job. May be empty.
  std::function<Result<void>()> may_go_on = {};
};

// The number of bytes from the current position to the end of `file`, as its size says, for showing progress; absent
// where that is unknown (a pipe).
[[nodiscard]] std::optional<std::uint64_t> bytes_left(int file);

// Reads the first bytes of a stream from the current position: kStreamPrefixSize, or fewer where the file ends.
// Unavailable where it cannot be read.
[[nodiscard]] Result<Bytes> read_prefix(int file);

// Seals from the current position of `in` to its end. Errors: those of may_go_on; Unavailable where a file cannot be
// read or written (a full disk, for instance); Conflict where `in` changed while it was read.
[[nodiscard]] Result<void> seal_file(const FileJob& job, envelope::StreamCipher cipher);
// `in` must be positioned behind the prefix that `cipher` was made with. Errors as seal_file, and Corrupt as
// StreamDecryptor.
[[nodiscard]] Result<void> open_file(const FileJob& job, envelope::StreamCipher cipher);

}  // namespace latchkey::files
