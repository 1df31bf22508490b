// Work that the server does again and again beside its requests, such as to follow what other nodes wrote.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/task.hpp"

namespace latchkey {

// Runs on a strand of its own. It keeps itself alive until it ends: by stop(), or by its own work.
class BackgroundTask : public std::enable_shared_from_this<BackgroundTask> {
 public:
  // How long to wait until the work runs again; nothing: the work is done, and the task ends.
  using Wait = std::optional<std::chrono::milliseconds>;
  // Runs once. Must not throw.
  using Work = std::function<Task<Wait>()>;

  // Runs the work on `executor` for the first time after `wait`.
  static std::shared_ptr<BackgroundTask> start(const boost::asio::any_io_executor& executor,
                                               std::chrono::milliseconds wait, Work work);
  // Ends the wait: the work runs at once or, where it is running, once more as soon as it returns. From any thread.
  void wake();
  // Returns once the work does not run any more: a run that is under way finishes. Called once, from any thread.
  [[nodiscard]] static Task<void> stop(std::shared_ptr<BackgroundTask> task);

 private:
  BackgroundTask(const boost::asio::any_io_executor& strand, Work work) : timer_(strand), work_(std::move(work)) {}
  [[nodiscard]] static Task<void> run(std::shared_ptr<BackgroundTask> task, std::chrono::milliseconds first_wait);

  std::atomic<bool> woken_ = false;
  // The strand alone uses what follows.
  boost::asio::steady_timer timer_;
  Work work_;
  bool stopping_ = false;
  bool ended_ = false;
  std::function<void()> on_end_;
};

}  // namespace latchkey
