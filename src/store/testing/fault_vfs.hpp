// A disk for SQLite that breaks when it is told to, and that knows what has not been synced: the system's own, with a
// switch. SQLite takes it for every file opened while it is there.
#pragma once

#include <cstdint>

namespace latchkey::store::testing {

enum class Fault {
  DiskFull,    // writing fails for want of room
  WriteFails,  // writing fails
  SyncFails,   // what was written cannot be made durable
};

class FaultVfs {
 public:
  FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;
  ~FaultVfs();

  // From the `nth` operation of the fault's kind (from 0) on, all of them fail.
  void fail_from(Fault fault, std::int64_t nth);
  // The disk is whole again. Gives whether anything has failed.
  bool repair();
  // Whether a write to a -wal has been followed by its sync.
  [[nodiscard]] bool wal_is_synced() const;
};

}  // namespace latchkey::store::testing
