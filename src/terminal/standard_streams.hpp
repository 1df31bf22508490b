// The three standard streams as a command needs them: open, complete, and without anything that a terminal would obey.
// A command shows some results only once, so it must fail where a full disk or a closed pipe refuses them.
#pragma once

#include <iosfwd>
#include <streambuf>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace latchkey::terminal {

// Call first in main. The next file or socket would take a closed descriptor from 0 to 2 (`latchkey … >&-`), and the
// program would write its results into it; so this fills each with a file that nobody can read or write (EBADF, as
// before). It also makes writing to a pipe that nobody reads an error instead of the end of the process.
void prepare_standard_streams();

// std::cout or std::cerr writes through this while it lives. It passes texts on as `terminal_text` returns them, and
// remembers the first failure. Not thread-safe, as the streams are not.
class CheckedStream final : public std::streambuf {
 public:
  CheckedStream(std::ostream& stream, int descriptor);
  ~CheckedStream() override;
  CheckedStream(const CheckedStream&) = delete;
  CheckedStream& operator=(const CheckedStream&) = delete;

  // Writes what it still holds back. Unavailable where any write so far failed: "standard output cannot be written: No
  // space left on device".
  [[nodiscard]] Result<void> flush();

 protected:
  int_type overflow(int_type next) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  std::ostream& stream_;
  std::streambuf* before_;
  int descriptor_;
  int failure_ = 0;  // errno
  std::string held_back_;
};

// Makes sure that all output so far has arrived, for results that a person must have seen. Errors as
// CheckedStream::flush.
[[nodiscard]] Result<void> flush_output();

// Shows one line on standard error in place of the one before; an empty line only removes that one. For terminals.
void redraw_line(std::string_view text);

}  // namespace latchkey::terminal
