// Starts, pauses and shows the rewrap of an external key's data keys after the key was rotated. keyring/rewrap.hpp does
// the work.
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
  store::WrappedCount count;  // counted by the target version
};

class Rewraps {
 public:
  // All references outlive the object.
  Rewraps(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds, keyring::Rewrapper& rewrapper,
          const Clock& clock, RandomSource& random)
      : store_(store), provider_(provider), clouds_(clouds), rewrapper_(rewrapper), clock_(clock), random_(random) {}

  // Asks the key for its newest version and has every data key under it rewrapped to that version in the background;
  // continues a rewrap that is paused or has stopped. Errors: NotFound, KeyDenied where the key is suspended or its
  // newest version is disabled, and those of KeyProvider::describe.
  [[nodiscard]] Task<Result<RewrapProgress>> start(audit::Caller caller, std::string id, Deadline deadline);
  // Changes nothing where no rewrap runs. NotFound where none was ever started, as for get.
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

// What a keyring::Rewrapper needs from this floor.
[[nodiscard]] keyring::RewrapHooks rewrap_hooks(const kms::Providers& clouds, const Clock& clock, RandomSource& random);

}  // namespace latchkey::admin
