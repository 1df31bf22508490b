#include "http/retry_after.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <limits>
#include <locale>
#include <sstream>

#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>

namespace latchkey::http {

namespace {

using std::chrono::milliseconds;

struct Form {
  const char* pattern;
  std::size_t least;  // characters: std::get_time accepts a text that ends too soon
  bool two_digits;    // of the year
};
constexpr std::array<Form, 3> kForms{{{"%a, %d %b %Y %H:%M:%S GMT", 29, false},
                                      {"%a, %d-%b-%y %H:%M:%S GMT", 30, true},
                                      {"%a %b %d %H:%M:%S %Y", 24, false}}};
constexpr int kTmYear = 1900;
constexpr int kCentury = 100;
constexpr int kMostYearsAhead = 50;

// The names are English, whatever locale the program has set.
std::optional<std::tm> read_form(const std::string& text, const Form& form) {
  if (text.size() < form.least) return std::nullopt;
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  std::tm fields{};
  in >> std::get_time(&fields, form.pattern);
  if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  return fields;
}

int year_of(const std::tm& fields, const Form& form, Timestamp now) {
  int year = fields.tm_year + kTmYear;
  if (!form.two_digits) return year;
  std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  auto this_year = static_cast<int>(today.year());
  year = this_year / kCentury * kCentury + year % kCentury;
  return year > this_year + kMostYearsAhead ? year - kCentury : year;
}

std::optional<std::chrono::sys_seconds> time_of(const std::tm& fields, int year) {
  std::chrono::year_month_day day(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(fields.tm_mon + 1)),
                                  std::chrono::day(static_cast<unsigned>(fields.tm_mday)));
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(fields.tm_hour) + std::chrono::minutes(fields.tm_min) +
         std::chrono::seconds(fields.tm_sec);
}

// RFC 9110 section 10.2.3: digits alone. A number too large for its type means the longest wait.
std::optional<std::chrono::seconds> read_seconds(std::string_view text) {
  bool digits = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  std::uint32_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return std::chrono::seconds(failure == std::errc() ? value : std::numeric_limits<std::uint32_t>::max());
}

}  // namespace

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text, Timestamp now) {
  constexpr std::size_t kLongest = 40;  // "Wednesday, 09-Nov-94 08:49:37 GMT" has 33
  if (text.size() > kLongest) return std::nullopt;
  std::string copy(text);
  for (const auto& form : kForms) {
    if (auto fields = read_form(copy, form)) return time_of(*fields, year_of(*fields, form, now));
  }
  return std::nullopt;
}

std::optional<milliseconds> retry_after(const Headers& headers, Timestamp now, milliseconds longest) {
  auto text = boost::trim_copy(std::string(headers.get("retry-after")));
  if (auto seconds = read_seconds(text)) {
    return *seconds > longest ? longest : std::chrono::duration_cast<milliseconds>(*seconds);
  }
  auto date = parse_http_date(text, now);
  if (!date) return std::nullopt;
  return std::clamp(std::chrono::ceil<milliseconds>(*date - now), milliseconds(0), longest);
}

std::string wait_note(const std::optional<milliseconds>& wait) {
  if (!wait || wait->count() == 0) return {};
  return fmt::format(" (it asks to wait {} s)", std::chrono::ceil<std::chrono::seconds>(*wait).count());
}

}  // namespace latchkey::http
