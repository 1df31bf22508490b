// Files as streams: reads, seals or opens, and writes, with as many threads as the caller gives. Between regular files
// each thread takes a block, reads it where it is and writes it where it belongs; everything else is done in order. So
// are files that hold fewer or more bytes than their size says (/proc, /sys, some FUSE): a size is a hint, and what is
// read up to the end is what counts.
// Memory: about 1.5 MiB for each thread.
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
  // Whether blocks may be written to `out` at their places, in any order: to a file that nobody sees yet.
  bool is_private = false;
  // Bytes read so far, for whoever shows them; may be null.
  std::atomic<std::uint64_t>* progress = nullptr;
  // Asked before each block, from any of the threads, one at a time; its error ends the job. May be empty.
  std::function<Result<void>()> may_go_on = {};
};

// How much there is to read from here to the end of `file`, as its size says, for whoever shows it; absent where that
// is not known (a pipe).
[[nodiscard]] std::optional<std::uint64_t> bytes_left(int file);

// The first bytes of a stream, from where `file` stands: kStreamPrefixSize, or fewer where it ends. Unavailable where
// it cannot be read.
[[nodiscard]] Result<Bytes> read_prefix(int file);

// From where `in` stands to its end. Errors: those of may_go_on; Unavailable where a file cannot be read or written (no
// room on the disk, say); Conflict where `in` changed while it was read.
[[nodiscard]] Result<void> seal_file(const FileJob& job, envelope::StreamCipher cipher);
// `in` stands behind the prefix that `cipher` was made with. Besides: Corrupt, as StreamDecryptor.
[[nodiscard]] Result<void> open_file(const FileJob& job, envelope::StreamCipher cipher);

}  // namespace latchkey::files
