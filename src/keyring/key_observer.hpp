// Who wants to know how external keys fare.
#pragma once

#include <string>

#include "base/error.hpp"

namespace latchkey::keyring {

// Told of what the keyring learns of external keys, as it learns it; called on any thread, must not wait.
class KeyObserver {
 public:
  KeyObserver() = default;
  KeyObserver(const KeyObserver&) = delete;
  KeyObserver& operator=(const KeyObserver&) = delete;
  virtual ~KeyObserver() = default;
  // The key let us in.
  virtual void proved(const std::string& external_key_id) = 0;
  // It refused (KeyDenied, NetworkBlocked) or could not be asked (anything else).
  virtual void failed(const std::string& external_key_id, const Error& error) = 0;
};

}  // namespace latchkey::keyring
