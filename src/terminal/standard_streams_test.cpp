#include "terminal/standard_streams.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <ostream>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::terminal {
namespace {

using ::testing::HasSubstr;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_reader();
    close_writer();
  }
  [[nodiscard]] int writer() const { return ends_[1]; }
  void close_reader() { close(ends_[0]); }
  std::string read_to_the_end() {
    close_writer();
    std::string all;
    std::array<char, 4096> piece{};
    for (ssize_t got = 0; (got = ::read(ends_[0], piece.data(), piece.size())) > 0;) {
      all.append(piece.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  void close_writer() { close(ends_[1]); }
  std::array<int, 2> ends_{};
};

TEST(CheckedStreamTest, PassesTextOnWithoutWhatMovesATerminal) {
  Pipe pipe;
  std::ostream stream(nullptr);
  {
    CheckedStream checked(stream, pipe.writer());
    stream << "a name: \x1b[2J\r" << '\n' << "\x1b[32mgood\x1b[0m 漢\n" << 7;
    EXPECT_TRUE(checked.flush());
    stream << "\nthe end";
  }
  EXPECT_EQ(pipe.read_to_the_end(), "a name: \xef\xbf\xbd[2J\xef\xbf\xbd\n\x1b[32mgood\x1b[0m 漢\n7\nthe end");
}

TEST(CheckedStreamTest, LongOutputsAreWhole) {
  Pipe pipe;
  auto child = ::fork();
  if (child == 0) {
    std::ostream stream(nullptr);
    CheckedStream checked(stream, pipe.writer());
    for (int line = 0; line < 30'000; ++line) stream << "line " << line << " 漢字\n";
    ::_exit(checked.flush() ? 0 : 1);
  }
  auto all = pipe.read_to_the_end();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::string wanted;
  for (int line = 0; line < 30'000; ++line) wanted += "line " + std::to_string(line) + " 漢字\n";
  EXPECT_TRUE(all == wanted);
}

TEST(CheckedStreamTest, RemembersWhatCouldNotBeWritten) {
  struct Case {
    std::function<int()> open;
    const char* message;
  };
  Pipe unread;
  unread.close_reader();
  for (const auto& [open, message] : std::initializer_list<Case>{
           {[] { return ::open("/dev/full", O_WRONLY | O_CLOEXEC); }, "cannot be written: No space left on device"},
           {[&] { return ::dup(unread.writer()); }, "cannot be written: Broken pipe"},
           {[] { return ::open("/", O_PATH | O_CLOEXEC); }, "is closed: send it somewhere, if only to /dev/null"},
       }) {
    auto child = ::fork();
    if (child == 0) {
      prepare_standard_streams();
      std::ostream stream(nullptr);
      CheckedStream checked(stream, open());
      bool good = static_cast<bool>(stream << "lost\n") && !stream.flush();
      // Whatever succeeds later does not take it back.
      stream << "";
      auto flushed = checked.flush();
      good = good && !flushed && flushed.error().message() == std::string("standard output ") + message;
      ::_exit(good ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << message;
  }
}

TEST(StandardStreamsTest, ClosedOnesAreNeverAnotherFile) {
  auto child = ::fork();
  if (child == 0) {
    for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(number);
    prepare_standard_streams();
    int file = ::open("/dev/zero", O_RDWR);
    char byte = 0;
    bool good = file > STDERR_FILENO;
    for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      good = good && ::write(number, &byte, 1) < 0 && errno == EBADF && ::read(number, &byte, 1) < 0 && errno == EBADF;
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace latchkey::terminal
