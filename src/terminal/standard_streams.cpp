#include "terminal/standard_streams.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "crypto/secret.hpp"
#include "terminal/terminal_text.hpp"

namespace latchkey::terminal {

namespace {

// A long output leaves in parts of whole lines.
constexpr std::size_t kMostHeldBack = std::size_t{64} * 1024;

// Returns 0, or the errno of a write that failed.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    auto count = ::write(descriptor, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

void prepare_standard_streams() {
  for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) >= 0) continue;
    // open() takes the lowest free number, which is this one. O_PATH names a file and opens it for nothing.
    if (::open("/", O_PATH) != number) std::_Exit(EXIT_FAILURE);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

CheckedStream::CheckedStream(std::ostream& stream, int descriptor)
    : stream_(stream), before_(stream.rdbuf(this)), descriptor_(descriptor) {}

CheckedStream::~CheckedStream() {
  static_cast<void>(flush());
  stream_.rdbuf(before_);
}

Result<void> CheckedStream::flush() {
  if (sync() == 0) return success();
  if (failure_ == EBADF) {
    return Error{ErrorCode::Unavailable, "standard output is closed: send it somewhere, if only to /dev/null"};
  }
  return Error{ErrorCode::Unavailable, fmt::format("standard output cannot be written: {}", std::strerror(failure_))};
}

int CheckedStream::sync() {
  auto shown = terminal_text(held_back_);
  if (failure_ == 0) failure_ = write_all(descriptor_, shown);
  // The text may have been a secret.
  crypto::wipe(shown);
  crypto::wipe(held_back_);
  held_back_.clear();
  return failure_ == 0 ? 0 : -1;
}

CheckedStream::int_type CheckedStream::overflow(int_type next) {
  if (traits_type::eq_int_type(next, traits_type::eof())) return traits_type::not_eof(next);
  auto character = traits_type::to_char_type(next);
  return xsputn(&character, 1) == 1 ? next : traits_type::eof();
}

std::streamsize CheckedStream::xsputn(const char* text, std::streamsize size) {
  held_back_.append(text, static_cast<std::size_t>(size));
  bool is_full = held_back_.size() > kMostHeldBack && held_back_.back() == '\n';
  return is_full && sync() != 0 ? 0 : size;
}

Result<void> flush_output() {
  if (auto* output = dynamic_cast<CheckedStream*>(std::cout.rdbuf())) return output->flush();
  if (std::cout.flush()) return success();
  return Error{ErrorCode::Unavailable, "standard output cannot be written"};
}

void redraw_line(std::string_view text) {
  write_all(STDERR_FILENO, "\r\x1b[K" + terminal_line(text));
}

}  // namespace latchkey::terminal
