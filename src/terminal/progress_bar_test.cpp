#include "terminal/progress_bar.hpp"

#include <gtest/gtest.h>

namespace latchkey::terminal {
namespace {

using std::chrono::milliseconds;

TEST(ProgressText, TellsHowFarHowFastAndHowLongStill) {
  constexpr std::uint64_t kMiB = 1 << 20;
  EXPECT_EQ(progress_text("f", 50 * kMiB, 200 * kMiB, milliseconds(2000)),
            "f  [#####               ]  25 %  25.0 MiB/s  6 s left");
  EXPECT_EQ(progress_text("f", 200 * kMiB, 200 * kMiB, milliseconds(2000)),
            "f  [####################] 100 %  100.0 MiB/s  0 s left");
  EXPECT_EQ(progress_text("f", 50 * kMiB, std::nullopt, milliseconds(2000)), "f  50.0 MiB  25.0 MiB/s");
  EXPECT_EQ(progress_text("f", 0, std::uint64_t{0}, milliseconds(0)), "f  0 B  0 B/s");
  EXPECT_EQ(progress_text("f", kMiB, 100 * kMiB, milliseconds(1000)),
            "f  [                    ]   1 %  1.0 MiB/s  1:39 min left");
  EXPECT_TRUE(progress_text("f", kMiB, 7201 * kMiB, milliseconds(1000)).ends_with("  1.0 MiB/s  2:00 h left"));
}

TEST(FormatBytes, HasUnits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(3.5 * (1LL << 40)), "3.5 TiB");
}

}  // namespace
}  // namespace latchkey::terminal
