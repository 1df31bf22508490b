#include "base/clock.hpp"

#include <algorithm>
#include <ctime>
#include <optional>

#include <fmt/format.h>

namespace latchkey {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Microseconds.
constexpr std::size_t kKeptDigits = 6;
constexpr std::size_t kShortest = std::string_view("2026-10-30T23:58:27Z").size();
constexpr std::size_t kLongest = 64;

std::optional<int> digits(std::string_view text) {
  int value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

Error bad_timestamp(std::string_view text) {
  return Error{ErrorCode::Invalid,
               fmt::format("\"{}\" is not an RFC 3339 time such as 2026-10-30T23:58:27Z", text.substr(0, 64))};
}

// "Z", "+hh:mm" or "-hh:mm" as minutes east of UTC.
std::optional<minutes> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  auto hour = digits(text.substr(1, 2));
  auto minute = digits(text.substr(4, 2));
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  auto east = hours(*hour) + minutes(*minute);
  return text[0] == '+' ? east : -east;
}

nanoseconds read_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

// The coarse wall clock shows the last tick, at most 10 ms ago: far cheaper to read, and within the tolerance.
AgeCounter::Reading read_clocks() {
  auto since_boot = read_clock(CLOCK_BOOTTIME);
  return {since_boot, read_clock(CLOCK_REALTIME_COARSE)};
}

// Reads again where the scheduler paused the thread between the two clocks.
AgeCounter::Reading read_clocks_closely() {
  constexpr int kMostTries = 20;
  AgeCounter::Reading closest{};
  auto least = nanoseconds::max();
  for (int i = 0; i < kMostTries && least > AgeCounter::kTolerance / 10; ++i) {
    AgeCounter::Reading reading{read_clock(CLOCK_BOOTTIME), read_clock(CLOCK_REALTIME)};
    auto apart = read_clock(CLOCK_BOOTTIME) - reading.since_boot;
    if (apart < least) {
      least = apart;
      closest = reading;
    }
  }
  return closest;
}

// Takes a fraction such as ".427722" off the front of `text`. RFC 3339 sets no limit to its digits (.NET sends 7, Go
// 9); digits below a microsecond are cut off.
std::optional<microseconds> take_fraction(std::string_view& text) {
  if (text.empty() || text[0] != '.') return microseconds(0);
  auto count = std::min(text.find_first_not_of("0123456789", 1), text.size()) - 1;
  if (count == 0) return std::nullopt;
  int value = *digits(text.substr(1, std::min(count, kKeptDigits)));
  for (std::size_t i = count; i < kKeptDigits; ++i) value *= 10;
  text.remove_prefix(1 + count);
  return microseconds(value);
}

}  // namespace

Timestamp SystemClock::now() const {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady() const {
  return std::chrono::steady_clock::now();
}

AgeTime SystemClock::age_time() const {
  static AgeCounter ages(read_clocks_closely);
  return ages.at(read_clocks());
}

AgeCounter::AgeCounter(ReadClosely read) : read_(std::move(read)) {
  auto reading = read_();
  ahead_ = (reading.wall - reading.since_boot).count();
}

AgeTime AgeCounter::at(const Reading& reading) {
  // The order matters: a thread that sees `ahead_` with the leap sees `gained_` with it, too.
  auto moved = reading.wall - reading.since_boot - nanoseconds(ahead_.load(std::memory_order_acquire));
  if (std::chrono::abs(moved) >= kTolerance) [[unlikely]]
    return account_for_leap();
  return AgeTime(reading.since_boot + nanoseconds(gained_.load(std::memory_order_acquire)));
}

AgeTime AgeCounter::account_for_leap() {
  MutexLock lock(mutex_);
  auto reading = read_();
  auto ahead = reading.wall - reading.since_boot;
  auto moved = ahead - nanoseconds(ahead_.load(std::memory_order_relaxed));
  if (moved >= kTolerance) gained_.fetch_add(moved.count(), std::memory_order_release);
  // A wall clock that goes back makes no age younger, and what it catches up afterwards counts.
  if (std::chrono::abs(moved) >= kTolerance) ahead_.store(ahead.count(), std::memory_order_release);
  return AgeTime(reading.since_boot + nanoseconds(gained_.load(std::memory_order_relaxed)));
}

ManualClock::ManualClock(Timestamp start) : now_(start), steady_(std::chrono::hours(1)), age_(std::chrono::hours(2)) {}

Timestamp ManualClock::now() const {
  MutexLock lock(mutex_);
  return now_;
}

SteadyTime ManualClock::steady() const {
  MutexLock lock(mutex_);
  return steady_;
}

void ManualClock::advance(microseconds by) {
  MutexLock lock(mutex_);
  now_ += by;
  steady_ += by;
  age_ += by;
}

AgeTime ManualClock::age_time() const {
  MutexLock lock(mutex_);
  return age_;
}

void ManualClock::sleep(microseconds by) {
  MutexLock lock(mutex_);
  now_ += by;
  age_ += by;
}

void ManualClock::leap_wall(microseconds by) {
  MutexLock lock(mutex_);
  now_ += by;
  age_ += std::max(by, microseconds(0));
}

std::string format_timestamp(Timestamp time) {
  auto day = std::chrono::floor<days>(time);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<Timestamp> parse_timestamp(std::string_view text) {
  if (text.size() < kShortest || text.size() > kLongest) return bad_timestamp(text);
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
    return bad_timestamp(text);
  }
  auto year = digits(text.substr(0, 4));
  auto month = digits(text.substr(5, 2));
  auto day = digits(text.substr(8, 2));
  auto hour = digits(text.substr(11, 2));
  auto minute = digits(text.substr(14, 2));
  auto second = digits(text.substr(17, 2));
  if (!year || !month || !day || !hour || !minute || !second) return bad_timestamp(text);
  std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                   std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return bad_timestamp(text);
  auto rest = text.substr(19);
  auto fraction = take_fraction(rest);
  auto offset = parse_offset(rest);
  if (!fraction || !offset) return bad_timestamp(text);
  auto time =
      Timestamp(std::chrono::sys_days(date)) + hours(*hour) + minutes(*minute) + seconds(*second) + *fraction - *offset;
  // An offset or a leap second may move the year beyond four digits.
  std::chrono::year_month_day day_in_utc(std::chrono::floor<days>(time));
  if (day_in_utc.year() < std::chrono::year(0) || day_in_utc.year() > std::chrono::year(9999))
    return bad_timestamp(text);
  return time;
}

}  // namespace latchkey
