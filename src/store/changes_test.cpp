#include "store/changes.hpp"

#include <gtest/gtest.h>

#include "testing/sample_rows.hpp"

namespace latchkey::store {
namespace {

using namespace std::chrono_literals;
using namespace store::testing;

struct ChangesTest : ::testing::Test {
  Changes changes;
  AgeTime now{1h};

  [[nodiscard]] bool holds(Changes::Moment as_of, AgeTime read_at, AgeTime at) const {
    return changes.holds(kAcme.id, as_of, read_at, at);
  }
};

TEST_F(ChangesTest, ConcernTheirOrganizationFromThenOn) {
  auto before = changes.now();
  EXPECT_FALSE(changes.has_changed(kAcme.id, before));
  changes.note(kAcme.id);
  EXPECT_TRUE(changes.has_changed(kAcme.id, before));
  EXPECT_FALSE(changes.has_changed(kOther.id, before));
  EXPECT_FALSE(changes.has_changed(kAcme.id, changes.now()));
  changes.note_all();
  EXPECT_TRUE(changes.has_changed(kOther.id, before));
  EXPECT_FALSE(changes.has_changed(kOther.id, changes.now()));
}

TEST_F(ChangesTest, NothingHoldsBeforeItIsKnownWhatOthersChanged) {
  EXPECT_FALSE(holds(changes.now(), now, now));
  changes.known_up_to(now);
  EXPECT_TRUE(holds(changes.now(), now, now));
}

TEST_F(ChangesTest, NothingHoldsOnceThatHasNotBeenKnownForLong) {
  changes.known_up_to(now);
  EXPECT_TRUE(holds(changes.now(), now, now + kTrustedFor - 1ns));
  EXPECT_FALSE(holds(changes.now(), now, now + kTrustedFor));
  EXPECT_FALSE(holds(changes.now(), now, now + 24h * 7)) << "a machine that slept for a week";
}

TEST_F(ChangesTest, NothingIsRememberedForLong) {
  changes.known_up_to(now + kRememberedFor);
  EXPECT_TRUE(holds(changes.now(), now, now + kRememberedFor - 1ns));
  EXPECT_FALSE(holds(changes.now(), now, now + kRememberedFor));
}

}  // namespace
}  // namespace latchkey::store
