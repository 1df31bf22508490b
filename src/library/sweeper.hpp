// A thread that wipes leased keys when their leases end, also in a process that does nothing else: one for all
// workspaces of a client. It sleeps while nothing is held.
#pragma once

#include <memory>

#include "library/leased_keys.hpp"

namespace latchkey::library {

class Sweeper {
 public:
  // Starts the thread, which takes no signals. `clock` outlives it. Unavailable where the system gives no more threads.
  [[nodiscard]] static Result<std::unique_ptr<Sweeper>> start(const Clock& clock);
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;
  // Ends the thread. In a forked child, which has none, this and all below does nothing: there leased keys are empty.
  ~Sweeper();

  // Thread-safe. What is added is removed before it goes; not to be called with a lock held that sweep takes.
  void add(LeasedKeys& keys);
  void remove(LeasedKeys& keys);
  // Something was leased, or the clock was moved: looks at once.
  void wake();

 private:
  struct State;
  explicit Sweeper(std::unique_ptr<State> state);
  [[nodiscard]] bool is_of_this_process() const;
  std::unique_ptr<State> state_;
};

}  // namespace latchkey::library
