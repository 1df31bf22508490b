#include "clouds/azure/customer/ip_ranges.hpp"

#include <gtest/gtest.h>

namespace latchkey::clouds::azure::customer {
namespace {

struct Case {
  std::string wanted;
  std::vector<std::string> rules;
  bool covered;
};

TEST(IpRanges, AreCoveredByTheRulesTogether) {
  const std::vector<Case> cases{
      {"203.0.113.7", {"203.0.113.7"}, true},
      {"203.0.113.7", {"203.0.113.0/24"}, true},
      {"203.0.113.0/24", {"203.0.113.7"}, false},
      {"203.0.113.0/24", {"203.0.113.0/25", "203.0.113.128/25"}, true},
      {"203.0.113.0/24", {"203.0.113.128/25", "203.0.113.0/25"}, true},
      {"203.0.113.0/24", {"203.0.113.0/25", "203.0.113.129/32"}, false},
      {"203.0.113.0/24", {"203.0.113.0/26", "203.0.113.0/25", "203.0.113.64/26", "203.0.113.128/25"}, true},
      {"203.0.113.9/24", {"203.0.113.0/24"}, true},
      {"255.255.255.255", {"255.255.255.0/24"}, true},
      {"0.0.0.0/0", {"0.0.0.0/1", "128.0.0.0/1"}, true},
      {"203.0.113.7", {}, false},
      {"203.0.113.7", {"nonsense", "", "::/0", "203.0.113.7/33"}, false},
      {"nonsense", {"0.0.0.0/0"}, false},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(ranges_not_covered({each.wanted}, each.rules).empty(), each.covered) << each.wanted;
  }
  EXPECT_EQ(ranges_not_covered({"192.0.2.0/24", "203.0.113.7"}, {"203.0.113.0/24"}),
            std::vector<std::string>{"192.0.2.0/24"});
}

TEST(IpRanges, AreAddressesOrNetworks) {
  for (const auto* good : {"203.0.113.7", "203.0.113.0/24", "0.0.0.0/0"}) EXPECT_TRUE(is_ip_range(good)) << good;
  for (const auto* bad : {"", "::1", "203.0.113", "203.0.113.7/", "203.0.113.7/33", "a", "203.0.113.0/24 "}) {
    EXPECT_FALSE(is_ip_range(bad)) << bad;
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure::customer
