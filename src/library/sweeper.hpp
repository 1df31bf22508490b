// A thread that wipes leased keys when their leases end, also in a process that does nothing else. All workspaces of a
// client share one. It sleeps while no key is on lease.
#pragma once

#include <memory>

#include "library/leased_keys.hpp"

namespace latchkey::library {

class Sweeper {
 public:
  // Starts the thread, which takes no signals. `clock` must outlive it. Unavailable where the system has no more
  // threads.
  [[nodiscard]] static Result<std::unique_ptr<Sweeper>> start(const Clock& clock);
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;
  // Ends the thread. In a forked child, which has no such thread and no leased keys, this and every function below does
  // nothing.
  ~Sweeper();

  // Thread-safe. Remove `keys` before they are destroyed. Call neither while holding a lock that sweep takes.
  void add(LeasedKeys& keys);
  void remove(LeasedKeys& keys);
  // Call it when a lease begins or the clock was moved: the thread sweeps at once.
  void wake();

 private:
  struct State;
  explicit Sweeper(std::unique_ptr<State> state);
  [[nodiscard]] bool is_of_this_process() const;
  std::unique_ptr<State> state_;
};

}  // namespace latchkey::library
