#include "api/readiness.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"
#include "testing/matchers.hpp"

namespace latchkey::api {
namespace {

using latchkey::testing::IsError;

using namespace std::chrono_literals;

struct ReadinessTest : ::testing::Test {
  ReadinessTest() { fixture.store().look_ups = 0; }
  admin::testing::AdminFixture fixture;
  std::shared_ptr<Readiness> readiness = Readiness::create(fixture.store(), fixture.clock);

  Result<void> check() { return fixture.run(readiness->check()); }
};

TEST_F(ReadinessTest, LooksOnceASecond) {
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(check());
  EXPECT_EQ(fixture.store().look_ups, 1);
  fixture.clock.advance(999ms);
  EXPECT_TRUE(check());
  EXPECT_EQ(fixture.store().look_ups, 1);
  fixture.clock.advance(1ms);
  EXPECT_TRUE(check());
  EXPECT_EQ(fixture.store().look_ups, 2);
}

TEST_F(ReadinessTest, AStoreThatFailsIsNotAskedMoreOften) {
  fixture.store().look_up_error = Error{ErrorCode::Unavailable, "as the test says"};
  for (int i = 0; i < 10; ++i) EXPECT_THAT(check(), IsError(ErrorCode::Unavailable));
  EXPECT_EQ(fixture.store().look_ups, 1);
  fixture.store().look_up_error.reset();
  fixture.clock.advance(1s);
  EXPECT_TRUE(check());
}

TEST_F(ReadinessTest, WhoComesWhileItLooksWaitsForThat) {
  int ready = 0;
  auto count = [&]() -> Task<void> {
    auto checked = co_await readiness->check();
    if (checked) ++ready;
  };
  for (int i = 0; i < 10; ++i) boost::asio::co_spawn(fixture.context, count(), boost::asio::detached);
  fixture.settle();
  EXPECT_EQ(ready, 10);
  EXPECT_EQ(fixture.store().look_ups, 1);
}

}  // namespace
}  // namespace latchkey::api
