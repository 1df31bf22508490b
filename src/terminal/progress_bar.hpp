// A bar on standard error for work that takes longer than a second: how far it is, how fast, and how long it still
// takes. It shows nothing where standard error is no terminal, and goes away when it is destroyed.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

namespace latchkey::terminal {

enum class ProgressUnit { Bytes, Items };

// "12.3 MiB"
[[nodiscard]] std::string format_bytes(double bytes);
// The text of the bar; `total` is absent where nobody knows it.
[[nodiscard]] std::string progress_text(const std::string& what, std::uint64_t done, std::optional<std::uint64_t> total,
                                        std::chrono::milliseconds elapsed, ProgressUnit unit = ProgressUnit::Bytes);

class ProgressBar {
 public:
  // `done` counts in `unit`, and outlives the bar.
  ProgressBar(std::string what, const std::atomic<std::uint64_t>& done, std::optional<std::uint64_t> total,
              ProgressUnit unit = ProgressUnit::Bytes);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

 private:
  void show();

  std::string what_;
  const std::atomic<std::uint64_t>& done_;
  std::optional<std::uint64_t> total_;
  ProgressUnit unit_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

}  // namespace latchkey::terminal
