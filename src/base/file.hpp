// Reads and writes whole files, such as settings and keys. Blocking: not for I/O threads. Safe from any thread.
#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace latchkey {

// Returns the file's bytes. NotFound where there is no file; Invalid where it has more than `max_size` bytes;
// Unavailable where it cannot be read. The message names the path and the system's reason.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t max_size);

// Replaces the file as a whole and durably: temporary file beside it, fsync, rename, fsync of the folder. The mode is
// exactly `mode`. Unavailable where any step fails; the temporary file is then removed.
[[nodiscard]] Result<void> write_file_durably(const std::string& path, std::string_view content, unsigned mode);

// Renames the finished file `temporary` to `path` in the same folder. Never replaces a file: Conflict where one has
// that name. The rename is one step by link(2), or by renameat2(2) where the file system has no hard links (exFAT, FAT,
// SMB, some FUSE); where it has neither, an empty file stands there for a moment. Unavailable where it fails;
// `temporary` then still exists. sync_folder_of makes the name durable.
[[nodiscard]] Result<void> name_new_file(const std::string& temporary, const std::string& path);

// Makes the names in the folder of the file `path` durable, as far as its file system can. Unavailable where that
// fails.
[[nodiscard]] Result<void> sync_folder_of(const std::string& path);

// Makes the folder and those above it, where they are missing, with `mode`. Unavailable where that fails.
[[nodiscard]] Result<void> make_folder(const std::string& path, unsigned mode);

}  // namespace latchkey
