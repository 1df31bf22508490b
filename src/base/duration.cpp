#include "base/duration.hpp"

#include <charconv>
#include <cstdint>

#include <fmt/format.h>

namespace latchkey {

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::int64_t kMaxMilliseconds = std::int64_t{366} * 24 * 3600 * 1000;
  std::int64_t count = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), count);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::int64_t scale = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : unit == "h" ? 3'600'000 : 0;
  if (status != std::errc() || scale == 0 || count < 0 || count > kMaxMilliseconds / scale) {
    return Error{ErrorCode::Invalid,
                 fmt::format("expected a duration such as 250ms, 60s, 10m or 2h, got \"{}\"", text.substr(0, 80))};
  }
  return std::chrono::milliseconds(count * scale);
}

}  // namespace latchkey
