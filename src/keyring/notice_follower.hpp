// Repeats here what other nodes on the same store found or did: it drops the leases under a key that refuses, that an
// admin suspended, or that lets us in again, and the leases of data keys that were destroyed. It also tells
// store::Changes which rows others have changed, and up to when that is known.
#pragma once

#include <optional>

#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "store/store.hpp"

namespace latchkey::keyring {

class NoticeFollower {
 public:
  // All references outlive the object.
  NoticeFollower(store::Store& store, Keyring& keyring, const Clock& clock)
      : store_(store), keyring_(keyring), clock_(clock), forget_at_(clock.steady()) {}

  // Follows the notices since the last call; the first call begins with the notices after it. To be called often, and
  // not while another call runs. Errors: the store's; the next call then follows the same notices.
  [[nodiscard]] Task<Result<void>> follow();

 private:
  struct Notices {
    std::vector<store::Notice> rows;
    std::int64_t last = 0;
  };
  [[nodiscard]] static Result<Notices> read(store::Transaction& tx, std::optional<std::int64_t> seen);
  [[nodiscard]] Task<Result<void>> follow(store::Notice notice);
  void note_followed(AgeTime asked_at);
  [[nodiscard]] Task<Result<void>> forget_destroyed(Uuid compartment);
  [[nodiscard]] Task<Result<void>> forget_old();

  store::Store& store_;
  Keyring& keyring_;
  const Clock& clock_;
  std::optional<std::int64_t> seen_;
  SteadyTime forget_at_;
};

}  // namespace latchkey::keyring
