// Wipes a text that held a secret when the scope ends, also by an exception.
#pragma once

#include <string>

#include "crypto/secret.hpp"

namespace latchkey::crypto {

class WipeAtExit {
 public:
  explicit WipeAtExit(std::string& text) : text_(text) {}
  WipeAtExit(const WipeAtExit&) = delete;
  WipeAtExit& operator=(const WipeAtExit&) = delete;
  ~WipeAtExit() { wipe(text_); }

 private:
  std::string& text_;
};

}  // namespace latchkey::crypto
