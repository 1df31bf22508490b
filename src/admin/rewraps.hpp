// Rewrapping an external key's data keys after its rotation: who may start, pause and watch it. The work is
// keyring/rewrap.hpp's.
#pragma once

#include <string>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "keyring/rewrap.hpp"
#include "kms/providers.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

struct RewrapProgress {
  store::Rewrap rewrap;
  store::WrappedCount count;  // by its target version
};

class Rewraps {
 public:
  // All references outlive it.
  Rewraps(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds, keyring::Rewrapper& rewrapper,
          const Clock& clock, RandomSource& random)
      : store_(store), provider_(provider), clouds_(clouds), rewrapper_(rewrapper), clock_(clock), random_(random) {}

  // Asks the key for its newest version and has every data key of it rewrapped to that, in the background; goes on with
  // one that is paused or has stopped. Errors: NotFound, KeyDenied where the key is suspended or its newest
  // version disabled, those of KeyProvider::describe.
  [[nodiscard]] Task<Result<RewrapProgress>> start(audit::Caller caller, std::string id, Deadline deadline);
  // Nothing changes where it does not run. NotFound where none was ever started, as for get.
  [[nodiscard]] Task<Result<RewrapProgress>> pause(audit::Caller caller, std::string id);
  [[nodiscard]] Task<Result<RewrapProgress>> get(audit::Caller caller, std::string id);

 private:
  store::Store& store_;
  kms::KeyProvider& provider_;
  const kms::Providers& clouds_;
  keyring::Rewrapper& rewrapper_;
  const Clock& clock_;
  RandomSource& random_;
};

// What a Rewrapper needs of this floor.
[[nodiscard]] keyring::RewrapHooks rewrap_hooks(const kms::Providers& clouds, const Clock& clock, RandomSource& random);

}  // namespace latchkey::admin
