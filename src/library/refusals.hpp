// What one handle hears refused is refused to all of this process: a program may have several of one workspace, through
// clients of their own, and several workspaces under one customer's key.
#pragma once

#include <map>
#include <mutex>
#include <string_view>
#include <sys/types.h>
#include <unistd.h>

#include "crypto/secret.hpp"
#include "library/leased_keys.hpp"

namespace latchkey::library {

// Thread-safe. In a forked child it is another, and empty one, as leased keys are empty there.
class Refusals {
 public:
  // Whose leases they are. What it refers to outlives its being added.
  struct Holder {
    LeasedKeys& keys;
    std::string_view url;  // of the server
    std::string_view workspace_id;
    const crypto::SecretBytes& api_key;
  };

  // Of this process. It lives as long as the process does.
  [[nodiscard]] static Refusals& of_this_process();

  Refusals() = default;
  Refusals(const Refusals&) = delete;
  Refusals& operator=(const Refusals&) = delete;
  ~Refusals() = default;

  // What is added is removed before it goes; not to be called with a lock held that LeasedKeys takes.
  void add(const Holder& holder);
  void remove(const LeasedKeys& keys);
  // Has everybody whom the refusal concerns obey it before it returns: all of the same workspace; where our credential
  // was refused there, or everywhere, those alone that use it; and where the customer's key was, other workspaces under
  // the same key, too. `heard_by` has obeyed it, and was added.
  void tell(const LeasedKeys& heard_by, const Refusal& refusal);

 private:
  [[nodiscard]] bool is_of_this_process() const;
  const pid_t process_ = ::getpid();
  Refusals* before_ = nullptr;  // of the process that this one was forked from
  std::mutex mutex_;            // over what follows, and held while others obey, so that none goes meanwhile
  std::map<const LeasedKeys*, Holder> holders_;
};

}  // namespace latchkey::library
