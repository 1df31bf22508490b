// A file that is there whole or not at all. What is written has no name until it is finished (O_TMPFILE), so that
// whatever ends the process, a kill -9 too, leaves nothing behind. A file system without nameless files or without hard
// links (exFAT, FAT, SMB, some FUSE) gets a file named ".latchkey-" and six characters, which a kill -9 leaves behind.
#pragma once

#include <string>

#include "base/result.hpp"

namespace latchkey::files {

class AtomicFile {
 public:
  // Conflict where `path` exists and is not to be replaced, or is no regular file; Unavailable where its folder cannot
  // be written to. The mode is exactly `mode`, where the file system keeps modes.
  [[nodiscard]] static Result<AtomicFile> create(const std::string& path, unsigned mode, bool replace);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  // Without commit, nothing of it is left.
  ~AtomicFile();

  [[nodiscard]] int descriptor() const { return file_; }
  // On disk, under its name, with its folder. Conflict where a file of that name has come in the meantime and is not to
  // be replaced; Unavailable where the disk refuses.
  [[nodiscard]] Result<void> commit();

 private:
  AtomicFile(std::string path, std::string temporary, int file, bool replace)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(file), replace_(replace) {}
  [[nodiscard]] Result<void> name_it();
  [[nodiscard]] bool link_nameless_to(const std::string& name);
  [[nodiscard]] Result<void> take_temporary_name();
  [[nodiscard]] Result<void> copy_to_temporary_name();

  std::string path_;
  std::string temporary_;  // its name until then; empty where it has none
  int file_;
  bool replace_;
};

}  // namespace latchkey::files
