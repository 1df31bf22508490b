// Spreads a refusal that one handle received over the whole process: a program may have several handles of one
// workspace, each with a client of its own, and several workspaces under one customer's key.
#pragma once

#include <map>
#include <string_view>
#include <sys/types.h>
#include <unistd.h>

#include "base/mutex.hpp"
#include "crypto/secret.hpp"
#include "library/leased_keys.hpp"

namespace latchkey::library {

// Thread-safe. A forked child has another one, which is empty, as its leased keys are.
class Refusals {
 public:
  // A holder of leases. What it refers to must live until it is removed.
  struct Holder {
    LeasedKeys& keys;
    std::string_view url;  // the server's
    std::string_view workspace_id;
    const crypto::SecretBytes& api_key;
  };

  // The one of this process. It lives as long as the process.
  [[nodiscard]] static Refusals& of_this_process();

  Refusals() = default;
  Refusals(const Refusals&) = delete;
  Refusals& operator=(const Refusals&) = delete;
  ~Refusals() = default;

  // Remove a holder before it is destroyed. Call neither while holding a lock that LeasedKeys takes.
  void add(const Holder& holder);
  void remove(const LeasedKeys& keys);
  // Has every holder that the refusal concerns obey it before it returns: all of the same workspace; where our
  // credential was refused, there or everywhere, only those that use it; and where the customer's key was refused, also
  // other workspaces under the same key. `heard_by` must have been added, and has obeyed the refusal already.
  void tell(const LeasedKeys& heard_by, const Refusal& refusal);

 private:
  [[nodiscard]] bool is_of_this_process() const;
  const pid_t process_ = ::getpid();
  Refusals* before_ = nullptr;  // the one of the process that this one was forked from
  Mutex mutex_;                 // held while others obey, so that none is destroyed meanwhile
  std::map<const LeasedKeys*, Holder> holders_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey::library
