// Opens the store of a server together with the root keys that it is sealed under: the server believes neither without
// the other.
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

// Makes the folders, the database and the root key where they do not exist; it makes a root key for an empty database
// only. The store calls `alarm`, where it is not empty, on its own threads for each row that does not verify, and
// refuses the row in any case. Errors: the store's and the root key file's, each with its cure.
[[nodiscard]] Result<OpenedStore> open_store(const ServerConfig& config, RandomSource& random, store::AlarmSink alarm);

// Seals, once, a database that is older than the sealing of rows. Conflict where it is sealed already.
[[nodiscard]] Result<store::SealCounts> seal_store(const ServerConfig& config, RandomSource& random);

}  // namespace latchkey::server
