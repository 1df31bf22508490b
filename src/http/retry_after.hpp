// Reads how long a response asks its client to wait (RFC 9110 section 10.2.3). All our clients read Retry-After here.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "http/message.hpp"

namespace latchkey::http {

// A date in any of the three forms of RFC 9110 section 5.6.7: IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT"), RFC 850
// ("Sunday, 06-Nov-94 08:49:37 GMT") and asctime ("Sun Nov 6 08:49:37 1994"). A year of two digits is the one that is
// at most 50 years after `now`. Absent where the text has none of these forms, or names no day of the calendar.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text, Timestamp now);

// The wait that Retry-After asks for, in seconds or until a date. Absent where the response has no Retry-After that can
// be read; never negative (a past date means now), and at most `longest`.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const Headers& headers, Timestamp now,
                                                                   std::chrono::milliseconds longest);

// For the end of a message: " (it asks to wait 20 s)"; empty where the response asked for no wait.
[[nodiscard]] std::string wait_note(const std::optional<std::chrono::milliseconds>& wait);

}  // namespace latchkey::http
