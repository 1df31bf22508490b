#include "envelope/chunk_workers.hpp"

namespace latchkey::envelope {

ChunkWorkers::ChunkWorkers(unsigned threads) {
  try {
    for (unsigned number = 1; number < threads; ++number) {
      threads_.emplace_back([this, number] { work(number); });
    }
  } catch (...) {
    // Destroying a thread that was not joined would end the process.
    end();
    throw;
  }
}

ChunkWorkers::~ChunkWorkers() {
  end();
}

void ChunkWorkers::end() {
  {
    MutexLock lock(mutex_);
    is_over_ = true;
  }
  begun_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ChunkWorkers::run(const std::function<void(unsigned)>& part) {
  {
    MutexLock lock(mutex_);
    part_ = &part;
    running_ = static_cast<unsigned>(threads_.size());
    ++job_;
  }
  begun_.notify_all();
  part(0);
  MutexLock lock(mutex_);
  while (running_ != 0) done_.wait(mutex_);
}

void ChunkWorkers::work(unsigned number) {
  std::size_t last = 0;
  MutexLock lock(mutex_);
  for (;;) {
    while (!is_over_ && job_ == last) begun_.wait(mutex_);
    if (is_over_) return;
    last = job_;
    const auto& part = *part_;
    {
      MutexRelease released(mutex_);
      part(number);
    }
    if (--running_ == 0) done_.notify_one();
  }
}

}  // namespace latchkey::envelope
