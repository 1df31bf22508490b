#include "crypto/random.hpp"

#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace latchkey::crypto {
namespace {

Bytes draw(std::size_t size) {
  SystemRandom random;
  Bytes out(size);
  random.fill(out);
  return out;
}

TEST(SystemRandom, NeverRepeats) {
  std::set<Bytes> seen;
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(seen.insert(draw(24)).second);
  for (std::size_t size : {1U, 255U, 256U, 257U, 5000U}) EXPECT_EQ(draw(size).size(), size);
  EXPECT_NE(draw(5000), draw(5000));
}

TEST(SystemRandom, FillsNothingWhereNothingIsAsked) {
  EXPECT_TRUE(draw(0).empty());
}

TEST(SystemRandom, ThreadsDiffer) {
  Bytes other;
  auto mine = draw(24);
  std::thread([&] { other = draw(24); }).join();
  EXPECT_NE(mine, other);
}

// The child copies the parent's memory, and yet they give different bytes next.
TEST(SystemRandom, AForkedChildBeginsAnew) {
  (void)draw(24);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto bytes = draw(24);
    ::_exit(::write(ends[1], bytes.data(), bytes.size()) == 24 ? 0 : 1);
  }
  Bytes theirs(24);
  ASSERT_EQ(::read(ends[0], theirs.data(), theirs.size()), 24);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_NE(draw(24), theirs);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace latchkey::crypto
