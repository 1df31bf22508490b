// A file that appears complete or not at all. Until it is finished, it has no name (O_TMPFILE), so that nothing is left
// whatever ends the process, even kill -9. On a file system without nameless files or without hard links (exFAT, FAT,
// SMB, some FUSE) it is named ".latchkey-" and six characters, and kill -9 leaves it behind. Not thread-safe.
#pragma once

#include <string>

#include "base/result.hpp"

namespace latchkey::files {

class AtomicFile {
 public:
  // Conflict where `path` exists and `replace` is false, or where it is no regular file; Unavailable where its folder
  // cannot be written to. The mode is exactly `mode`, where the file system keeps modes.
  [[nodiscard]] static Result<AtomicFile> create(const std::string& path, unsigned mode, bool replace);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  // Removes the file where commit did not succeed.
  ~AtomicFile();

  [[nodiscard]] int descriptor() const { return file_; }
  // Puts the file on disk, with its name and its folder. Conflict where a file of that name appeared meanwhile and
  // `replace` is false; Unavailable where the disk refuses.
  [[nodiscard]] Result<void> commit();

 private:
  AtomicFile(std::string path, std::string temporary, int file, bool replace)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(file), replace_(replace) {}
  [[nodiscard]] Result<void> name_it();
  [[nodiscard]] bool link_nameless_to(const std::string& name);
  [[nodiscard]] Result<void> take_temporary_name();
  [[nodiscard]] Result<void> copy_to_temporary_name();

  std::string path_;
  std::string temporary_;  // its name until commit; empty where it has none
  int file_;
  bool replace_;
};

}  // namespace latchkey::files
