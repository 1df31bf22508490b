#include "http/ticket_keys.hpp"

#include <gtest/gtest.h>

#include "crypto/random.hpp"

namespace latchkey::http {
namespace {

using namespace std::chrono_literals;

struct TicketKeysTest : ::testing::Test {
  crypto::SystemRandom random;
  TicketKeys keys{random};
  AgeTime start = AgeTime{} + 100h;
};

TEST_F(TicketKeysTest, AKeySealsForAnHour) {
  auto first = keys.to_seal(start);
  EXPECT_EQ(keys.to_seal(start + 59min), first);
  auto second = keys.to_seal(start + 1h);
  EXPECT_NE(second, first);
  EXPECT_NE(second->name, first->name);
  EXPECT_NE(as_text(second->cipher.reveal()), as_text(first->cipher.reveal()));
  EXPECT_NE(as_text(second->mac.reveal()), as_text(first->mac.reveal()));
}

TEST_F(TicketKeysTest, ATicketOpensAsLongAsItsClientMayUseIt) {
  auto name = keys.to_seal(start)->name;
  (void)keys.to_seal(start + 1h);
  EXPECT_NE(keys.to_open(name, start + 3h - 1s), nullptr);
  EXPECT_EQ(keys.to_open(name, start + 3h), nullptr);
}

TEST_F(TicketKeysTest, AMachineThatSleptForgetsToo) {
  auto name = keys.to_seal(start)->name;
  EXPECT_EQ(keys.to_open(name, start + 168h), nullptr);
  EXPECT_NE(keys.to_seal(start + 168h)->name, name);
}

TEST_F(TicketKeysTest, NobodysKeyIsNotFound) {
  (void)keys.to_seal(start);
  EXPECT_EQ(keys.to_open(TicketKey::Name{}, start), nullptr);
}

}  // namespace
}  // namespace latchkey::http
