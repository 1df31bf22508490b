#include "base/background_task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace latchkey {

namespace asio = boost::asio;

std::shared_ptr<BackgroundTask> BackgroundTask::start(const asio::any_io_executor& executor,
                                                      std::chrono::milliseconds wait, Work work) {
  asio::any_io_executor strand = asio::make_strand(executor);
  auto task = std::shared_ptr<BackgroundTask>(new BackgroundTask(strand, std::move(work)));
  asio::co_spawn(strand, run(task, wait), asio::detached);
  return task;
}

Task<void> BackgroundTask::run(std::shared_ptr<BackgroundTask> task, std::chrono::milliseconds first_wait) {
  Wait wait = first_wait;
  while (wait && !task->stopping_) {
    task->timer_.expires_after(task->woken_ ? std::chrono::milliseconds(0) : *wait);
    boost::system::error_code ignored;
    co_await task->timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (task->stopping_) break;
    task->woken_ = false;
    wait = co_await task->work_();
  }
  task->ended_ = true;
  if (task->on_end_) task->on_end_();
}

void BackgroundTask::wake() {
  if (woken_.exchange(true)) return;
  // A cancellation finds the timer running, or the work, which looks at woken_ next: all are on the strand.
  asio::post(timer_.get_executor(), [task = shared_from_this()] { task->timer_.cancel(); });
}

Task<void> BackgroundTask::stop(std::shared_ptr<BackgroundTask> task) {
  auto begin = [task](std::function<void()> resume) {
    auto stop = [task, resume = std::move(resume)] {
      task->stopping_ = true;
      task->timer_.cancel();
      task->ended_ ? resume() : void(task->on_end_ = resume);
    };
    asio::dispatch(task->timer_.get_executor(), std::move(stop));
  };
  auto ended = suspend(std::move(begin));
  co_await std::move(ended);
}

}  // namespace latchkey
