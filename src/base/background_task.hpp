// Work that the server does again and again beside its requests, such as to follow what other nodes wrote.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/task.hpp"

namespace latchkey {

// Runs on a strand of its own, and holds itself until it is stopped.
class BackgroundTask : public std::enable_shared_from_this<BackgroundTask> {
 public:
  // Done once; gives how long to wait until it is done again. Must not throw.
  using Work = std::function<Task<std::chrono::milliseconds>()>;

  // The work is done on `executor` for the first time after `wait`.
  [[nodiscard]] static std::shared_ptr<BackgroundTask> start(const boost::asio::any_io_executor& executor,
                                                             std::chrono::milliseconds wait, Work work);
  // Returns once the work is not done any more: what is under way is finished. Called once, from any thread.
  [[nodiscard]] static Task<void> stop(std::shared_ptr<BackgroundTask> task);

 private:
  BackgroundTask(const boost::asio::any_io_executor& strand, Work work) : timer_(strand), work_(std::move(work)) {}
  [[nodiscard]] static Task<void> run(std::shared_ptr<BackgroundTask> task, std::chrono::milliseconds wait);

  // All used on the strand alone.
  boost::asio::steady_timer timer_;
  Work work_;
  bool stopping_ = false;
  bool ended_ = false;
  std::function<void()> on_end_;
};

}  // namespace latchkey
