// A file system for SQLite that fails on demand and knows which writes have not been synced; otherwise it passes on to
// the system's own. SQLite uses it for every file opened while it exists.
#pragma once

#include <cstdint>

namespace latchkey::store::testing {

enum class Fault {
  DiskFull,    // no space left
  WriteFails,  // writing fails
  SyncFails,   // syncing fails
};

class FaultVfs {
 public:
  FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;
  ~FaultVfs();

  // From the `nth` operation of the fault's kind (from 0) on, all of them fail.
  void fail_from(Fault fault, std::int64_t nth);
  // Ends the fault. Returns whether anything has failed.
  bool repair();
  // True where every write to a -wal has been followed by its sync.
  [[nodiscard]] bool wal_is_synced() const;
};

}  // namespace latchkey::store::testing
