// The store on SQLite: one file in WAL mode with synchronous=FULL, one thread that writes, a few that read
// for authentication and the data plane alone, and a few that read the rest.
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

// For tests: the clock by which purges rest, and where one is (purger.hpp).
struct PurgeHooks {
  std::function<SteadyTime()> now = std::chrono::steady_clock::now;
  std::function<void()> searching = [] {};  // the file is frozen, and the search about to begin
  std::function<void()> rewriting = [] {};  // in the writer's turn
};

struct SqliteOptions {
  std::string path;
  unsigned readers = 2;  // of each of the two kinds
  std::chrono::milliseconds busy_timeout{5'000};
  // The database may not grow past this many pages; 0: no limit but the disk's. For testing a full disk.
  std::int64_t max_pages = 0;
  SealerSource sealer;  // called once, while the store is opened
  // Empty: no key has a place, and none is found to be another organisation's, too.
  KeyPlaceOf key_place = {};
  AlarmSink alarm;  // outlives the store
  // From asking to having; what is not done by then fails with Unavailable, reason "store_timeout", and changes
  // nothing.
  std::chrono::milliseconds read_timeout{10'000};
  std::chrono::milliseconds write_timeout{30'000};
  // Of reads of either kind, and of writes; further ones fail at once with Unavailable, reason "store_busy".
  std::size_t most_waiting = 4096;
  PurgeHooks purge = {};
};

// Opens or creates the file (mode 0600) and brings its schema up to date. Unavailable where it cannot be opened;
// Internal where it is not a Latchkey database or was written by a newer version (the message says which).
// Internal or Invalid where it was sealed under another root key than the sealer has, or never (the cure is in the
// message).
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(SqliteOptions options);

// Seals once what a release before rows were sealed has left; the file is migrated first. See seal_existing.
[[nodiscard]] Result<SealCounts> seal_sqlite_store(SqliteOptions options);

}  // namespace latchkey::store
