// Threads that do the parts of one job after another, and sleep in between.
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.hpp"

namespace latchkey::envelope {

class ChunkWorkers {
 public:
  // `threads` work at once, including the caller's: 1 makes no thread. Throws std::system_error where the system has no
  // more threads.
  explicit ChunkWorkers(unsigned threads);
  ChunkWorkers(const ChunkWorkers&) = delete;
  ChunkWorkers& operator=(const ChunkWorkers&) = delete;
  ~ChunkWorkers();

  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(threads_.size()) + 1; }
  // Calls `part` once with each number below count(), at the same time, and returns when all are done. One job at a
  // time; `part` must not throw.
  void run(const std::function<void(unsigned)>& part);

 private:
  void work(unsigned number);
  void end();

  Mutex mutex_;
  Condition begun_;
  Condition done_;
  const std::function<void(unsigned)>* part_ LATCHKEY_GUARDED_BY(mutex_) = nullptr;
  std::size_t job_ LATCHKEY_GUARDED_BY(mutex_) = 0;
  unsigned running_ LATCHKEY_GUARDED_BY(mutex_) = 0;
  bool is_over_ LATCHKEY_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace latchkey::envelope
