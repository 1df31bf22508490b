// Does here what other nodes on the same store found or did: drops what is held under a key that refuses, was suspended
// or lets in again, and data keys that were destroyed.
#pragma once

#include <optional>

#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "store/store.hpp"

namespace latchkey::keyring {

class NoticeFollower {
 public:
  // All outlive it.
  NoticeFollower(store::Store& store, Keyring& keyring, const Clock& clock)
      : store_(store), keyring_(keyring), clock_(clock), forget_at_(clock.steady()) {}

  // Follows what came since the last call; the first one begins with what comes after it. To be called often, not while
  // another call runs. Errors: the store's; nothing is missed then.
  [[nodiscard]] Task<Result<void>> follow();

 private:
  struct News {
    std::vector<store::Notice> notices;
    std::int64_t last = 0;
  };
  [[nodiscard]] static Result<News> read(store::Transaction& tx, std::optional<std::int64_t> seen);
  [[nodiscard]] Task<Result<void>> forget_destroyed(Uuid compartment);
  [[nodiscard]] Task<Result<void>> forget_old();

  store::Store& store_;
  Keyring& keyring_;
  const Clock& clock_;
  std::optional<std::int64_t> seen_;
  SteadyTime forget_at_;
};

}  // namespace latchkey::keyring
