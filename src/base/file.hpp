// Whole files, as settings and keys need them. Blocking: not for I/O threads.
#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace latchkey {

// The file's bytes. NotFound where there is none; Invalid where it has more than `max_size`; Unavailable where it
// cannot be read. The message names the path and the system's reason.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t max_size);

// Replaces the file as a whole and durably: a temporary file beside it, fsync, rename, fsync of the folder. The mode is
// exactly `mode`. Unavailable where it cannot (the temporary file is removed).
[[nodiscard]] Result<void> write_file_durably(const std::string& path, std::string_view content, unsigned mode);

// Gives the whole file `temporary` the name `path` in the same folder, and takes its old name away. Never replaces:
// Conflict where something has that name. In one step by link(2), or by renameat2(2) where the file system has no hard
// links (exFAT, FAT, SMB, some FUSE); where it has neither, an empty file stands there for a moment. Unavailable where
// it cannot; then `temporary` is still there. sync_folder_of makes it durable.
[[nodiscard]] Result<void> name_new_file(const std::string& temporary, const std::string& path);

// Makes the names in the folder of the file `path` durable, as far as its file system can. Unavailable where it fails.
[[nodiscard]] Result<void> sync_folder_of(const std::string& path);

// The folder and those above it, with `mode` for the ones that are made. Unavailable where it cannot.
[[nodiscard]] Result<void> make_folder(const std::string& path, unsigned mode);

}  // namespace latchkey
