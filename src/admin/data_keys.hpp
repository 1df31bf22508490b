// The data keys of a workspace as its organisation may see them, and their end: shredding. Never their material,
// wrapped or not.
#pragma once

#include <optional>
#include <string>
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

// What can be read no more. Records and bytes are those that this server has encrypted and had counted.
struct ShredOutcome {
  std::string workspace_id;
  std::size_t data_keys = 0;
  std::int64_t records = 0;
  std::int64_t bytes = 0;
};

class DataKeys {
 public:
  // All references outlive it.
  DataKeys(store::Store& store, keyring::Keyring& keyring, const Clock& clock, RandomSource& random)
      : store_(store), keyring_(keyring), clock_(clock), random_(random) {}

  // Newest first, destroyed ones included. NotFound; Invalid where `page` is not a cursor that this list gave.
  [[nodiscard]] Task<Result<DataKeyPage>> list(audit::Caller caller, std::string workspace_id, std::size_t limit,
                                               std::optional<std::string> page);

  // Destroys every data key of an archived workspace, for good: what was encrypted in it can be read no more. Done once
  // it returns: the wrapped keys are in no file of the store, and no lease is held. Shredding again changes nothing and
  // gives the same counts. Invalid with reason workspace_not_archived, or workspace_name_mismatch where `name` is not
  // the workspace's. Unauthenticated where the caller's API key is revoked meanwhile: no more is destroyed then.
  [[nodiscard]] Task<Result<ShredOutcome>> shred(audit::Caller caller, std::string workspace_id, std::string name);

 private:
  struct Destroyed {
    ShredOutcome outcome;  // once all are
    Uuid compartment;
    std::vector<RawId> ids;
    bool all = false;
  };
  [[nodiscard]] Result<Destroyed> destroy_some(store::Transaction& tx, const audit::Caller& caller,
                                               const std::string& workspace_id, const std::string& name);

  store::Store& store_;
  keyring::Keyring& keyring_;
  const Clock& clock_;
  RandomSource& random_;
};

// The activity of a data key that was replaced.
[[nodiscard]] Result<void> record_replacement(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                              const keyring::DataKeyReplaced& replaced);

}  // namespace latchkey::admin
