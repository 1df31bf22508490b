#include "store/testing/fault_vfs.hpp"

#include <atomic>
#include <optional>
#include <string_view>

#include <sqlite3.h>

namespace latchkey::store::testing {

namespace {

// One per process, like SQLite's list of file systems.
struct State {
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::atomic<int> fault{-1};
  std::atomic<std::int64_t> countdown{0};
  std::atomic<bool> failed{false};
  std::atomic<bool> wal_dirty{false};
};

State& state() {
  static State value;
  return value;
}

// Precedes the real file in the memory that SQLite allocates for each file.
struct File {
  sqlite3_file base;
  bool is_wal;
};

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1);
}

const sqlite3_io_methods& methods_of(sqlite3_file* file) {
  return *real_of(file)->pMethods;
}

bool fails(Fault fault) {
  auto& all = state();
  if (all.fault != static_cast<int>(fault) || all.countdown.fetch_sub(1) > 0) return false;
  all.failed = true;
  return true;
}

int close_file(sqlite3_file* file) {
  return methods_of(file).xClose(real_of(file));
}

int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  return methods_of(file).xRead(real_of(file), out, size, offset);
}

int write_file(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  if (fails(Fault::DiskFull)) return SQLITE_FULL;
  if (fails(Fault::WriteFails)) return SQLITE_IOERR_WRITE;
  if (reinterpret_cast<File*>(file)->is_wal) state().wal_dirty = true;
  return methods_of(file).xWrite(real_of(file), data, size, offset);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return methods_of(file).xTruncate(real_of(file), size);
}

int sync_file(sqlite3_file* file, int flags) {
  if (fails(Fault::SyncFails)) return SQLITE_IOERR_FSYNC;
  int code = methods_of(file).xSync(real_of(file), flags);
  if (code == SQLITE_OK && reinterpret_cast<File*>(file)->is_wal) state().wal_dirty = false;
  return code;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return methods_of(file).xFileSize(real_of(file), size);
}

int lock_file(sqlite3_file* file, int level) {
  return methods_of(file).xLock(real_of(file), level);
}

int unlock_file(sqlite3_file* file, int level) {
  return methods_of(file).xUnlock(real_of(file), level);
}

int check_lock(sqlite3_file* file, int* result) {
  return methods_of(file).xCheckReservedLock(real_of(file), result);
}

int control_file(sqlite3_file* file, int operation, void* argument) {
  return methods_of(file).xFileControl(real_of(file), operation, argument);
}

int sector_size(sqlite3_file* file) {
  return methods_of(file).xSectorSize(real_of(file));
}

int characteristics(sqlite3_file* file) {
  return methods_of(file).xDeviceCharacteristics(real_of(file));
}

int map_memory(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return methods_of(file).xShmMap(real_of(file), page, size, extend, out);
}

int lock_memory(sqlite3_file* file, int offset, int count, int flags) {
  return methods_of(file).xShmLock(real_of(file), offset, count, flags);
}

void order_memory(sqlite3_file* file) {
  methods_of(file).xShmBarrier(real_of(file));
}

int unmap_memory(sqlite3_file* file, int remove) {
  return methods_of(file).xShmUnmap(real_of(file), remove);
}

constexpr sqlite3_io_methods kMethods{
    2,           close_file,   read_file,    write_file,   truncate_file, sync_file,       file_size,
    lock_file,   unlock_file,  check_lock,   control_file, sector_size,   characteristics, map_memory,
    lock_memory, order_memory, unmap_memory, nullptr,      nullptr};

int open_file(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  auto* ours = reinterpret_cast<File*>(file);
  ours->base.pMethods = nullptr;
  ours->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
  int code = state().real->xOpen(state().real, name, real_of(file), flags, out_flags);
  // SQLite closes a file that has methods, even where opening failed.
  if (real_of(file)->pMethods != nullptr) ours->base.pMethods = &kMethods;
  return code;
}

}  // namespace

FaultVfs::FaultVfs() {
  auto& all = state();
  repair();
  all.wal_dirty = false;
  all.real = sqlite3_vfs_find(nullptr);
  all.vfs = *all.real;
  all.vfs.zName = "latchkey-fault";
  all.vfs.szOsFile = static_cast<int>(sizeof(File)) + all.real->szOsFile;
  all.vfs.xOpen = open_file;
  sqlite3_vfs_register(&all.vfs, 1);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&state().vfs);
  sqlite3_vfs_register(state().real, 1);
}

void FaultVfs::fail_from(Fault fault, std::int64_t nth) {
  auto& all = state();
  all.failed = false;
  all.countdown = nth;
  all.fault = static_cast<int>(fault);
}

bool FaultVfs::repair() {
  state().fault = -1;
  return state().failed.exchange(false);
}

bool FaultVfs::wal_is_synced() const {
  return !state().wal_dirty;
}

}  // namespace latchkey::store::testing
