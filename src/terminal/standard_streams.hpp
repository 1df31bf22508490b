// The three standard streams as a command needs them: there, nothing lost on the way, and nothing in them that a
// terminal would obey. A command's results are of use only where they arrive, and some are shown once; so what a full
// disk or a closed pipe refuses is an error of the command, not of whoever reads its output.
#pragma once

#include <iosfwd>
#include <streambuf>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace latchkey::terminal {

// Call first in main. Descriptors 0 to 2 that are closed (`latchkey … >&-`) would be taken by the next file or socket
// that is opened, and results written into it; they are filled with what can be neither read nor written (EBADF, as
// before). Writing to a pipe that nobody reads becomes an error instead of the end of the process.
void prepare_standard_streams();

// What std::cout or std::cerr writes through while this lives: passes texts on as `terminal_text` has them, and
// remembers the first failure. Not thread-safe, as the streams are not.
class CheckedStream final : public std::streambuf {
 public:
  CheckedStream(std::ostream& stream, int descriptor);
  ~CheckedStream() override;
  CheckedStream(const CheckedStream&) = delete;
  CheckedStream& operator=(const CheckedStream&) = delete;

  // Writes what is held back. Unavailable where anything so far could not be written: "standard output cannot be
  // written: No space left on device".
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

// Whether all that was printed so far has arrived; for what must be known to have been seen. Errors as
// CheckedStream::flush.
[[nodiscard]] Result<void> flush_output();

// Shows one line on standard error in place of the one before; an empty one only takes that away. For terminals.
void redraw_line(std::string_view text);

}  // namespace latchkey::terminal
