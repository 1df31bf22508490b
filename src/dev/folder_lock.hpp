// Keeps a folder for one process: of two servers on one state, each would undo the other's changes.
#pragma once

#include <string>

#include "base/result.hpp"

namespace latchkey::dev {

// The process holds the lock until it destroys this or ends, however it ends.
class FolderLock {
 public:
  // Conflict where another process has the lock; the message says what to do.
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
