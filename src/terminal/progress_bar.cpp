#include "terminal/progress_bar.hpp"

#include <algorithm>
#include <unistd.h>

#include <fmt/format.h>

#include "terminal/standard_streams.hpp"

namespace latchkey::terminal {

namespace {

std::string format_seconds(double seconds) {
  auto whole = static_cast<std::uint64_t>(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02} h", whole / 3600, whole % 3600 / 60);
}

}  // namespace

std::string format_bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1024;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string progress_text(const std::string& what, std::uint64_t done, std::optional<std::uint64_t> total,
                          std::chrono::milliseconds elapsed, ProgressUnit unit) {
  constexpr std::size_t kWidth = 20;
  auto seconds = std::max(std::chrono::duration<double>(elapsed).count(), 0.001);
  auto rate = static_cast<double>(done) / seconds;
  auto counted = [unit](double number) {
    return unit == ProgressUnit::Bytes ? format_bytes(number) : fmt::format("{:.1f}", number);
  };
  auto speed = fmt::format("{}/s", counted(rate));
  if (!total || *total == 0) return fmt::format("{}  {}  {}", what, counted(static_cast<double>(done)), speed);
  auto share = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
  auto filled = static_cast<std::size_t>(share * kWidth);
  auto left =
      static_cast<double>(*total - std::min(done, *total)) / std::max(rate, unit == ProgressUnit::Bytes ? 1.0 : 0.001);
  return fmt::format("{}  [{}{}] {:3.0f} %  {}  {} left", what, std::string(filled, '#'),
                     std::string(kWidth - filled, ' '), share * 100, speed, format_seconds(left));
}

ProgressBar::ProgressBar(std::string what, const std::atomic<std::uint64_t>& done, std::optional<std::uint64_t> total,
                         ProgressUnit unit)
    : what_(std::move(what)), done_(done), total_(total), unit_(unit) {
  if (isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { show(); });
}

ProgressBar::~ProgressBar() {
  is_over_ = true;
  if (thread_.joinable()) thread_.join();
}

void ProgressBar::show() {
  constexpr auto kTick = std::chrono::milliseconds(100);
  constexpr auto kShownAfter = std::chrono::seconds(1);
  auto began = std::chrono::steady_clock::now();
  bool has_shown = false;
  while (!is_over_) {
    std::this_thread::sleep_for(kTick);
    auto elapsed = std::chrono::steady_clock::now() - began;
    if (elapsed < kShownAfter) continue;
    has_shown = true;
    auto text =
        progress_text(what_, done_, total_, std::chrono::duration_cast<std::chrono::milliseconds>(elapsed), unit_);
    redraw_line(text);
  }
  if (has_shown) redraw_line("");
}

}  // namespace latchkey::terminal
