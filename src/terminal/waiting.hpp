// Shows that a command waits.
#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace latchkey::terminal {

// Shows on standard error what the command waits for, from the second second on, and takes the line away when it is
// destroyed. Shows nothing where standard error is no terminal.
class Waiting {
 public:
  explicit Waiting(std::string what);
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  void show();
  std::string what_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace latchkey::terminal
