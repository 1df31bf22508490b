// The store on SQLite: one file in WAL mode with synchronous=FULL, one thread that writes, a few that read only for
// authentication and the data plane, and a few for all other reads.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "store/key_place.hpp"
#include "store/sealed_rows.hpp"
#include "store/sealing.hpp"
#include "store/store.hpp"

namespace latchkey::store {

// For tests: the clock for the rests of purges, and calls at points of a purge (purger.hpp).
struct PurgeHooks {
  std::function<SteadyTime()> now = std::chrono::steady_clock::now;
  std::function<void()> searching = [] {};  // the file is frozen, and the search begins next
  std::function<void()> rewriting = [] {};  // while the writer is held
};

struct SqliteOptions {
  std::string path;
  unsigned readers = 2;  // threads for each of the two kinds of reads
  std::chrono::milliseconds busy_timeout{5'000};
  // The database may not grow past this many pages; 0: no limit but the disk's. For testing a full disk.
  std::int64_t max_pages = 0;
  SealerSource sealer;  // called once, while the store is opened
  KeyPlaceOf key_place = {};
  AlarmSink alarm;  // outlives the store
  // The time from the call to the result; later, the transaction fails with Unavailable, reason "store_timeout", and
  // changes nothing.
  std::chrono::milliseconds read_timeout{10'000};
  std::chrono::milliseconds write_timeout{30'000};
  // The limit for each kind of reads, and for writes; further ones fail at once with Unavailable, reason "store_busy".
  std::size_t most_waiting = 4096;
  PurgeHooks purge = {};
};

// Opens or creates the file (mode 0600) and brings its schema up to date. Unavailable where it cannot be opened;
// Internal where it is not a Latchkey database or a newer version wrote it (the message says which); Internal or
// Invalid where it is sealed under a root key that the sealer lacks, or not sealed (the message has the cure).
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(SqliteOptions options);

// Seals, once, the rows of a database from before rows were sealed, after migrating the file. See seal_existing.
[[nodiscard]] Result<SealCounts> seal_sqlite_store(SqliteOptions options);

}  // namespace latchkey::store
