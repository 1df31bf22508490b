// One process a folder: two servers on one state would each undo the other's.
#pragma once

#include <string>

#include "base/result.hpp"

namespace latchkey::dev {

// Held until destroyed, or until the process ends, however it ends.
class FolderLock {
 public:
  // Conflict where another process has it; the message says what to do.
  [[nodiscard]] static Result<FolderLock> take(const std::string& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace latchkey::dev
