#include "envelope/chunk_workers.hpp"

namespace latchkey::envelope {

ChunkWorkers::ChunkWorkers(unsigned threads) {
  try {
    for (unsigned number = 1; number < threads; ++number) {
      threads_.emplace_back([this, number] { work(number); });
    }
  } catch (...) {
    // A thread that nobody joins would end the process.
    end();
    throw;
  }
}

ChunkWorkers::~ChunkWorkers() {
  end();
}

void ChunkWorkers::end() {
  {
    std::scoped_lock lock(mutex_);
    is_over_ = true;
  }
  begun_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ChunkWorkers::run(const std::function<void(unsigned)>& part) {
  {
    std::scoped_lock lock(mutex_);
    part_ = &part;
    running_ = static_cast<unsigned>(threads_.size());
    ++job_;
  }
  begun_.notify_all();
  part(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return running_ == 0; });
}

void ChunkWorkers::work(unsigned number) {
  std::size_t last = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    begun_.wait(lock, [&] { return is_over_ || job_ != last; });
    if (is_over_) return;
    last = job_;
    const auto& part = *part_;
    lock.unlock();
    part(number);
    lock.lock();
    if (--running_ == 0) done_.notify_one();
  }
}

}  // namespace latchkey::envelope
