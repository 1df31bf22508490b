// The store of a server and the root keys that it is sealed under, opened together: neither is believed without the
// other.
#pragma once

#include <memory>

#include "base/random.hpp"
#include "kms/local/root_key_file.hpp"
#include "server/config.hpp"
#include "store/sealed_rows.hpp"
#include "store/sealing.hpp"
#include "store/store.hpp"

namespace latchkey::server {

struct OpenedStore {
  std::unique_ptr<store::Store> store;
  kms::RootKeys root_keys;  // newest first
};

// Makes the folders, the database and the root key where there are none; a root key is made for an empty database
// alone. `alarm` hears of rows that do not verify, on the store's threads; empty: nobody does, and they are refused all
// the same. Errors: the store's and the root key file's, each with its cure.
[[nodiscard]] Result<OpenedStore> open_store(const ServerConfig& config, RandomSource& random, store::AlarmSink alarm);

// Seals, once, a database from before rows were sealed. Conflict where it is sealed.
[[nodiscard]] Result<store::SealCounts> seal_store(const ServerConfig& config, RandomSource& random);

}  // namespace latchkey::server
