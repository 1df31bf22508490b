#include "clouds/azure/customer/ip_ranges.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <boost/asio/ip/network_v4.hpp>

namespace latchkey::clouds::azure::customer {

namespace {

struct Interval {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

std::optional<Interval> parse(const std::string& text) {
  namespace ip = boost::asio::ip;
  boost::system::error_code failed;
  auto range = ip::make_network_v4(text.find('/') == std::string::npos ? text + "/32" : text, failed);
  if (failed) return std::nullopt;
  auto network = range.canonical();
  std::uint64_t first = network.address().to_uint();
  return Interval{first, first + (std::uint64_t{1} << (32U - network.prefix_length())) - 1};
}

}  // namespace

bool is_ip_range(const std::string& text) {
  return parse(text).has_value();
}

std::vector<std::string> ranges_not_covered(const std::vector<std::string>& wanted,
                                            const std::vector<std::string>& rules) {
  std::vector<Interval> open;
  for (const auto& rule : rules) {
    if (auto interval = parse(rule)) open.push_back(*interval);
  }
  std::sort(open.begin(), open.end(), [](const Interval& a, const Interval& b) { return a.first < b.first; });
  std::vector<std::string> missing;
  for (const auto& text : wanted) {
    auto range = parse(text);
    auto next = range ? range->first : 0;
    for (const auto& interval : open) {
      if (range && interval.first <= next && interval.last >= next) next = interval.last + 1;
    }
    if (!range || next <= range->last) missing.push_back(text);
  }
  return missing;
}

}  // namespace latchkey::clouds::azure::customer
