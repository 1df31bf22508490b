#include "clouds/azure/provider/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "kms/retrying_transport.hpp"

namespace latchkey::clouds::azure {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kLongest = kms::kLongestRetryAfter;

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc::result_out_of_range) return kLongest.count();
  if (failure != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::optional<milliseconds> retry_after(const http::Headers& headers, Timestamp now) {
  for (std::string_view name : {"retry-after-ms", "x-ms-retry-after-ms"}) {
    auto value = whole_number(headers.get(name));
    if (value) return milliseconds(std::min<std::int64_t>(*value, kLongest.count()));
  }
  return kms::retry_after(headers, now);
}

}  // namespace latchkey::clouds::azure
