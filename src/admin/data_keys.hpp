// The data keys of a workspace as its organisation may see them, never with their material, wrapped or not; and
// shredding, which destroys them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

struct DataKeyPage {
  std::vector<store::DataKey> keys;  // `wrapped` is empty
  std::optional<std::string> next_page;
};

// What shredding destroyed, so that nobody can read it any more. It counts the records and bytes that the server
// encrypted.
struct ShredOutcome {
  std::string workspace_id;
  std::size_t data_keys = 0;
  std::int64_t records = 0;
  std::int64_t bytes = 0;
};

// Adds what the server has counted of the use of data keys to their rows.
using FlushRowCounts = std::function<Task<Result<void>>()>;

class DataKeys {
 public:
  // All references outlive the object.
  DataKeys(store::Store& store, keyring::Keyring& keyring, FlushRowCounts flush_row_counts, const Clock& clock,
           RandomSource& random)
      : store_(store),
        keyring_(keyring),
        flush_row_counts_(std::move(flush_row_counts)),
        clock_(clock),
        random_(random) {}

  // Newest first, with the destroyed ones. NotFound for an unknown workspace; Invalid where `page` is not a cursor that
  // this list gave.
  [[nodiscard]] Task<Result<DataKeyPage>> list(audit::Caller caller, std::string workspace_id, std::size_t limit,
                                               std::optional<std::string> page);

  // Destroys every data key of an archived workspace for good, so that nobody can read what was encrypted in it. Once
  // it returns, no file of the store has the wrapped keys, and the server holds no lease of them. Shredding again
  // changes nothing and returns the same counts. Invalid with reason workspace_not_archived, or workspace_name_mismatch
  // where `name` is not the workspace's. Unauthenticated where the caller's API key is revoked meanwhile: from then on
  // nothing more is destroyed.
  [[nodiscard]] Task<Result<ShredOutcome>> shred(audit::Caller caller, std::string workspace_id, std::string name);

 private:
  struct Destroyed {
    ShredOutcome outcome;  // set once all are destroyed
    Uuid compartment;
    std::vector<RawId> ids;
    bool all = false;
  };
  [[nodiscard]] Result<Destroyed> destroy_some(store::Transaction& tx, const audit::Caller& caller,
                                               const std::string& workspace_id, const std::string& name);

  store::Store& store_;
  keyring::Keyring& keyring_;
  FlushRowCounts flush_row_counts_;
  const Clock& clock_;
  RandomSource& random_;
};

// Records the activity of a data key that was replaced.
[[nodiscard]] Result<void> record_replacement(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                              const keyring::DataKeyReplaced& replaced);

}  // namespace latchkey::admin
