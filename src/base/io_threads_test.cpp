#include "base/io_threads.hpp"

#include <future>
#include <set>
#include <thread>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace latchkey {
namespace {

TEST(IoThreads, EachContextIsRunByAThreadOfItsOwn) {
  IoThreads threads(3);
  std::thread runner([&] { threads.run(); });
  std::set<std::thread::id> ids;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    auto& context = threads.next();
    auto id_in = [&] {
      std::promise<std::thread::id> id;
      boost::asio::post(context, [&] { id.set_value(std::this_thread::get_id()); });
      return id.get_future().get();
    };
    auto id = id_in();
    EXPECT_EQ(id_in(), id);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), threads.size());
  threads.stop();
  runner.join();
}

TEST(IoThreads, TheContextsComeInTurn) {
  IoThreads threads(2);
  auto* one = &threads.next();
  auto* other = &threads.next();
  EXPECT_NE(one, other);
  EXPECT_EQ(&threads.next(), one);
  EXPECT_EQ(&threads.next(), other);
}

TEST(IoThreads, StopEndsThreadsThatStillHaveWork) {
  IoThreads threads(2);
  std::thread runner([&] { threads.run(); });
  boost::asio::post(threads.first(), [&] { threads.stop(); });
  runner.join();
}

}  // namespace
}  // namespace latchkey
