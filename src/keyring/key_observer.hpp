// What the keyring reports of external keys to whoever watches over them.
#pragma once

#include <string>

#include "base/error.hpp"

namespace latchkey::keyring {

// The keyring calls it as soon as it learns something, on any thread. An implementation must not wait.
class KeyObserver {
 public:
  KeyObserver() = default;
  KeyObserver(const KeyObserver&) = delete;
  KeyObserver& operator=(const KeyObserver&) = delete;
  virtual ~KeyObserver() = default;
  // The key let us in.
  virtual void proved(const std::string& external_key_id) = 0;
  // The key refused (KeyDenied, NetworkBlocked), or nobody could ask it (all other errors).
  virtual void failed(const std::string& external_key_id, const Error& error) = 0;
};

}  // namespace latchkey::keyring
