// The server's store, and the alarms of rows in it that do not verify.
#pragma once

#include <memory>

#include "admin/integrity_alarms.hpp"
#include "base/result.hpp"
#include "kms/local/root_key_file.hpp"
#include "server/tools.hpp"
#include "store/store.hpp"

namespace latchkey::server {

struct Storage {
  std::unique_ptr<admin::IntegrityAlarms> integrity_alarms;  // the store raises them
  std::unique_ptr<store::Store> store;
  kms::RootKeys root_keys;  // newest first; make_keys takes them
};

// Errors: those of open_store.
[[nodiscard]] Result<Storage> open_storage(const ServerTools& tools);

}  // namespace latchkey::server
