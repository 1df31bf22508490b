// The threads that serve. Each runs a context of its own, so that what belongs to one context is never run by two
// threads at once: a connection needs no strand, and no thread waits for another.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace latchkey {

class IoThreads {
 public:
  // `count` is at least 1.
  explicit IoThreads(unsigned count);
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;
  ~IoThreads();

  // For what belongs to no connection: timers, background tasks, signals.
  [[nodiscard]] boost::asio::io_context& first() { return *contexts_.front(); }
  // The contexts in turn, for one connection each. Thread-safe.
  [[nodiscard]] boost::asio::io_context& next();
  [[nodiscard]] std::size_t size() const { return contexts_.size(); }

  // Blocks until stop(). The calling thread runs the first context.
  void run();
  // Thread-safe.
  void stop();

 private:
  using Work = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<Work> work_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace latchkey
