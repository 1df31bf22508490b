#include "library/sweeper.hpp"

#include <latch>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "library/testing/fake_lease_source.hpp"

namespace latchkey::library {
namespace {

using std::chrono::seconds;
using testing::FakeLeaseSource;
using testing::raw;

class Forgotten final : public LeasedKeys::Derived {
 public:
  void forget() override { done.count_down(); }
  std::latch done{1};
};

struct SweeperTest : ::testing::Test {
  ManualClock clock{Timestamp(seconds(1'800'000'000))};
  FakeLeaseSource source{clock};
  std::unique_ptr<Sweeper> sweeper = Sweeper::start(clock).value();
  LeasedKeys keys{source, clock, {.on_lease = [this] { sweeper->wake(); }}};
};

TEST_F(SweeperTest, WipesWhatIsOverThoughNobodyAsksForIt) {
  sweeper->add(keys);
  std::weak_ptr<const envelope::DataKey> watched = keys.for_encryption().value().key;
  Forgotten derived;
  keys.add(raw(1), derived);
  clock.advance(seconds(60));
  sweeper->wake();
  derived.done.wait();
  keys.remove(raw(1), derived);
  // The lease is dropped under the same lock.
  EXPECT_EQ(keys.counts().leases, 0U);
  EXPECT_TRUE(watched.expired());
  sweeper->remove(keys);
}

TEST_F(SweeperTest, WakesByItself) {
  SystemClock real;
  FakeLeaseSource quick(real);
  auto own = Sweeper::start(real).value();
  quick.lasts = std::chrono::milliseconds(20);
  LeasedKeys brief(quick, real, {.on_lease = [&] { own->wake(); }});
  Forgotten derived;
  brief.add(raw(1), derived);
  own->add(brief);
  ASSERT_TRUE(brief.for_encryption());
  derived.done.wait();
  brief.remove(raw(1), derived);
  own->remove(brief);
}

TEST_F(SweeperTest, WhatWasRemovedIsLeftAlone) {
  sweeper->add(keys);
  ASSERT_TRUE(keys.for_encryption());
  sweeper->remove(keys);
  clock.advance(seconds(60));
  sweeper->wake();
  EXPECT_EQ(keys.counts().leases, 1U);
}

// A program forks, and the child destroys what it inherited: it has no thread to wait for.
TEST_F(SweeperTest, AForkedChildEndsWithoutIt) {
  sweeper->add(keys);
  ASSERT_TRUE(keys.for_encryption());
  auto child = ::fork();
  if (child == 0) {
    ::alarm(20);
    sweeper->wake();
    sweeper->remove(keys);
    sweeper.reset();
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "it was ended by signal " << WTERMSIG(status);
  sweeper->remove(keys);
}

}  // namespace
}  // namespace latchkey::library
