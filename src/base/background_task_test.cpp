#include "base/background_task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace latchkey {
namespace {

using namespace std::chrono_literals;

class BackgroundTaskTest : public ::testing::Test {
 protected:
  void begin(BackgroundTask::Work work) { task = BackgroundTask::start(context.get_executor(), 0ms, std::move(work)); }
  void begin_to_stop() {
    boost::asio::co_spawn(context, BackgroundTask::stop(task), [this](const std::exception_ptr&) { stopped = true; });
  }
  template <class Condition>
  void run_until(Condition condition) {
    while (!condition()) context.run_one();
  }

  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy{context.get_executor()};
  std::shared_ptr<BackgroundTask> task;
  bool stopped = false;
};

TEST_F(BackgroundTaskTest, DoesItsWorkAgainAndAgainUntilItIsStopped) {
  int done = 0;
  begin([&]() -> Task<BackgroundTask::Wait> {
    ++done;
    co_return 0ms;
  });
  run_until([&] { return done == 3; });
  begin_to_stop();
  run_until([&] { return stopped; });
  auto done_then = done;
  context.poll();
  EXPECT_EQ(done, done_then);
}

TEST_F(BackgroundTaskTest, DoesNotWaitOutItsPauseWhenItIsStopped) {
  int done = 0;
  begin([&]() -> Task<BackgroundTask::Wait> {
    ++done;
    co_return 24h;
  });
  run_until([&] { return done == 1; });
  begin_to_stop();
  run_until([&] { return stopped; });
  EXPECT_EQ(done, 1);
}

TEST_F(BackgroundTaskTest, IsNotStoppedBeforeTheWorkThatIsUnderWayIsDone) {
  std::function<void()> go_on;
  bool done = false;
  begin([&]() -> Task<BackgroundTask::Wait> {
    auto hold = [&](std::function<void()> resume) { go_on = std::move(resume); };
    auto held = suspend(std::move(hold));
    co_await std::move(held);
    done = true;
    co_return 0ms;
  });
  run_until([&] { return static_cast<bool>(go_on); });
  begin_to_stop();
  context.poll();
  EXPECT_FALSE(stopped);
  go_on();
  run_until([&] { return stopped; });
  EXPECT_TRUE(done);
}

TEST_F(BackgroundTaskTest, DoesItsWorkAtOnceWhenItIsWoken) {
  int done = 0;
  begin([&]() -> Task<BackgroundTask::Wait> {
    ++done;
    co_return 24h;
  });
  run_until([&] { return done == 1; });
  task->wake();
  run_until([&] { return done == 2; });
  context.poll();
  EXPECT_EQ(done, 2);
}

TEST_F(BackgroundTaskTest, DoesItsWorkOnceMoreWhenItIsWokenDuringIt) {
  int done = 0;
  begin([&]() -> Task<BackgroundTask::Wait> {
    if (++done == 1) {
      task->wake();
      task->wake();
    }
    co_return 24h;
  });
  run_until([&] { return done == 2; });
  context.poll();
  EXPECT_EQ(done, 2);
}

TEST_F(BackgroundTaskTest, EndsWhenItsWorkIsDone) {
  int done = 0;
  begin([&]() -> Task<BackgroundTask::Wait> {
    if (++done == 2) co_return std::nullopt;
    co_return 0ms;
  });
  run_until([&] { return done == 2; });
  context.poll();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(task.use_count(), 1);
  begin_to_stop();
  run_until([&] { return stopped; });
}

}  // namespace
}  // namespace latchkey
