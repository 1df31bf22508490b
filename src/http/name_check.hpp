// Tells "this name does not exist" from "the resolver did not say". libcurl has one code for both. Internal to http/.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"

namespace latchkey::http {

// Looks names up on threads of its own, because getaddrinfo may block for any time. Thread-safe.
class NameCheck {
 public:
  // True where the resolver says that the name does not exist. Blocks.
  using Resolver = std::function<bool(const std::string& host)>;
  using OnResult = std::function<void(bool unknown)>;

  explicit NameCheck(Resolver resolver = ask_system);
  NameCheck(const NameCheck&) = delete;
  NameCheck& operator=(const NameCheck&) = delete;
  // Does not wait for running lookups: their results are dropped, and no `on_result` is called afterwards.
  ~NameCheck();

  // Calls `on_result` once, from another thread; not at all where `deadline` passes before the lookup begins. False
  // where no thread could be started: then it is never called.
  [[nodiscard]] bool ask(std::string host, Deadline deadline, OnResult on_result);

  // The system's getaddrinfo.
  [[nodiscard]] static bool ask_system(const std::string& host);

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace latchkey::http
