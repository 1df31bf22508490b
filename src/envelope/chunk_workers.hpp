// A few threads that do the parts of one job after the other, and wait in between.
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.hpp"

namespace latchkey::envelope {

class ChunkWorkers {
 public:
  // `threads` do the work, the caller's among them: 1 makes no thread. Throws std::system_error where the system gives
  // no more.
  explicit ChunkWorkers(unsigned threads);
  ChunkWorkers(const ChunkWorkers&) = delete;
  ChunkWorkers& operator=(const ChunkWorkers&) = delete;
  ~ChunkWorkers();

  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(threads_.size()) + 1; }
  // Calls `part` once with each number below count(), at once, and returns when all are done. One job at a time; `part`
  // does not throw.
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
