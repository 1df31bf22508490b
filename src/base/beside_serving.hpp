// Threads that work beside those that serve requests: for the database, signatures, connections to others.
#pragma once

#include <sched.h>

namespace latchkey {

// Threads that begin while this exists, on the thread that made it, do not interrupt others when they wake up: a thread
// that serves goes on until it has nothing to do or its turn is over (SCHED_BATCH, sched(7)). In all else they are
// scheduled alike, so that no thread starves. Changes nothing where somebody has chosen a policy for the process.
class BesideServing {
 public:
  BesideServing() : changes_(::sched_getscheduler(0) == SCHED_OTHER && set(SCHED_BATCH)) {}
  BesideServing(const BesideServing&) = delete;
  BesideServing& operator=(const BesideServing&) = delete;
  ~BesideServing() {
    if (changes_) set(SCHED_OTHER);
  }

 private:
  static bool set(int policy) {
    sched_param priority{};
    return ::sched_setscheduler(0, policy, &priority) == 0;
  }
  bool changes_;
};

}  // namespace latchkey
