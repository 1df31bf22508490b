// Tells "there is no such name" from "the resolver did not say", which libcurl's one code for both does not. Internal
// to http/.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"

namespace latchkey::http {

// Asks on threads of its own, for getaddrinfo blocks as long as it likes. Thread-safe.
class NameCheck {
 public:
  // True where the resolver says that there is no such name. Blocks.
  using Resolver = std::function<bool(const std::string& host)>;
  using Answer = std::function<void(bool unknown)>;

  explicit NameCheck(Resolver resolver = ask_system);
  NameCheck(const NameCheck&) = delete;
  NameCheck& operator=(const NameCheck&) = delete;
  // Does not wait for lookups that run; what they find is dropped, and no answer runs afterwards.
  ~NameCheck();

  // Calls `answer` once, from another thread; never where `deadline` passed before the lookup began. False where no
  // thread could be had, and nothing will be answered.
  [[nodiscard]] bool ask(std::string host, Deadline deadline, Answer answer);

  // The system's getaddrinfo.
  [[nodiscard]] static bool ask_system(const std::string& host);

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace latchkey::http
