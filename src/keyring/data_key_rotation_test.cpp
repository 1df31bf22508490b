#include "keyring/data_key_rotation.hpp"

#include <gtest/gtest.h>

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;

TEST(RotationDueTest, EachLimitByItself) {
  const Timestamp made(1000s);
  store::DataKey row;
  row.created_at = made;
  row.records = 60;
  row.bytes = 600;
  DataKeyLimits limits{1h, 100, 1000};
  struct Case {
    Use pending;
    std::chrono::microseconds age;
    std::optional<RotationCause> due;
  };
  for (const auto& c :
       {Case{{0, 0}, 1h - 1us, std::nullopt}, Case{{0, 0}, 1h, RotationCause::Age}, Case{{39, 0}, 1s, std::nullopt},
        Case{{40, 0}, 1s, RotationCause::Records}, Case{{0, 399}, 1s, std::nullopt},
        Case{{0, 400}, 1s, RotationCause::Bytes}, Case{{40, 400}, -1s, RotationCause::Records}}) {
    EXPECT_EQ(rotation_due(row, c.pending, limits, made + c.age), c.due) << c.pending.records << ' ' << c.age.count();
  }
}

}  // namespace
}  // namespace latchkey::keyring
