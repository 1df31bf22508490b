// The data keys of one workspace that this process has on lease, by the server's own rules: a key is used until its
// lease ends, asked for again a little before that, and forgotten, and wiped, the moment somebody refuses it.
#pragma once

#include <map>
#include <mutex>

#include "library/key_lender.hpp"

namespace latchkey::library {

// Thread-safe. However many threads need a key at once, one asks and the others wait for its answer, or for its error.
class LeasedKeys {
 public:
  // Both outlive it.
  LeasedKeys(KeyLender& lender, const Clock& clock) : lender_(lender), clock_(clock) {}
  LeasedKeys(const LeasedKeys&) = delete;
  LeasedKeys& operator=(const LeasedKeys&) = delete;

  // A key that may be used now. Within the last quarter of a lease one thread asks again while the others go on; where
  // the lender cannot be reached, what is left of the lease is used up, and then the error is Unavailable; it is not
  // asked again before the time that it said. Where it refuses, the key is gone at once, and the error is the lender's.
  [[nodiscard]] Result<LeasedKey> for_encryption();
  [[nodiscard]] Result<LeasedKey> for_decryption(const RawId& id);
  // Whether `key`, of for_decryption or for_encryption, may still be used; renews it where it is due. Errors as above.
  [[nodiscard]] Result<void> keep(LeasedKey& key);
  // Forgets all of them.
  void clear();

 private:
  // One key's place. `mutex` is held while the lender is asked; `state` only for a moment.
  struct Place {
    std::mutex asking;
    std::mutex state;
    std::optional<LeasedKey> lease;
    std::optional<Error> last_error;
    AgeTime ask_again_at;  // as the last error asked us to wait
    std::uint64_t answers = 0;
  };
  using PlaceName = std::optional<RawId>;  // absent: the active key

  [[nodiscard]] std::shared_ptr<Place> place(const PlaceName& name);
  [[nodiscard]] Result<LeasedKey> get(const PlaceName& name);
  [[nodiscard]] Result<LeasedKey> ask(Place& place, const PlaceName& name);
  [[nodiscard]] static Result<LeasedKey> what_is_left(Place& place, AgeTime now);

  KeyLender& lender_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<PlaceName, std::shared_ptr<Place>> places_;
};

}  // namespace latchkey::library
