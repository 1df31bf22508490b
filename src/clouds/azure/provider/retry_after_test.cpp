#include "clouds/azure/provider/retry_after.hpp"

#include <gtest/gtest.h>

namespace latchkey::clouds::azure {
namespace {

using namespace std::chrono_literals;

TEST(AzureRetryAfter, Forms) {
  auto now = parse_timestamp("1994-11-06T08:49:00Z").value();
  struct Case {
    std::string name, value;
    std::optional<std::chrono::milliseconds> wait;
  };
  for (const auto& c : {
           Case{"Retry-After", "120", 120s},
           Case{"retry-after-ms", "1500", 1500ms},
           Case{"x-ms-retry-after-ms", "20", 20ms},
           Case{"retry-after-ms", "99999999999999999999999", 1h},
           Case{"retry-after-ms", "9223372036854775807", 1h},
           Case{"retry-after-ms", "-1", std::nullopt},
           Case{"retry-after-ms", "1.5", std::nullopt},
           Case{"Other", "20", std::nullopt},
       }) {
    EXPECT_EQ(retry_after({{c.name, c.value}}, now), c.wait) << c.name << ": " << c.value;
  }
  EXPECT_EQ(retry_after({{"Retry-After", "9"}, {"retry-after-ms", "5"}}, now), 5ms);
}

}  // namespace
}  // namespace latchkey::clouds::azure
