#include "terminal/waiting.hpp"

#include <chrono>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "terminal/standard_streams.hpp"

namespace latchkey::terminal {

Waiting::Waiting(std::string what) : what_(std::move(what)) {
  if (isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { show(); });
}

Waiting::~Waiting() {
  done_ = true;
  if (thread_.joinable()) thread_.join();
}

void Waiting::show() {
  constexpr std::string_view kFrames = "|/-\\";
  constexpr auto kTick = std::chrono::milliseconds(100);
  for (std::size_t tick = 0; !done_; ++tick) {
    std::this_thread::sleep_for(kTick);
    if (tick < 10) continue;
    redraw_line(fmt::format("{} {} ({} s) ", kFrames[tick % kFrames.size()], what_, tick / 10));
  }
  redraw_line("");
}

}  // namespace latchkey::terminal
