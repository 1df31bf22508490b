#include "crypto/secret_arena.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "testing/refused_system_call.hpp"

namespace latchkey::crypto {
namespace {

bool is_zero(const std::uint8_t* data, std::size_t size) {
  return std::all_of(data, data + size, [](std::uint8_t byte) { return byte == 0; });
}

TEST(SecretArena, GivesZerosApartAndAligned) {
  SecretArena arena;
  std::vector<std::pair<std::uint8_t*, std::size_t>> given;
  for (std::size_t size : {1U, 32U, 64U, 65U, 100U, 1000U, 4096U, 4097U, 100'000U}) {
    for (int i = 0; i < 70; ++i) {
      auto* data = arena.allocate(size);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % SecretArena::kAlignment, 0U);
      EXPECT_TRUE(is_zero(data, size)) << size;
      std::fill_n(data, size, std::uint8_t{0xaa});
      given.emplace_back(data, size);
    }
  }
  std::sort(given.begin(), given.end());
  for (std::size_t i = 1; i < given.size(); ++i) {
    EXPECT_LE(given[i - 1].first + given[i - 1].second, given[i].first) << "two secrets share memory";
  }
  for (auto [data, size] : given) arena.release(data, size);
}

TEST(SecretArena, WipesWhatComesBackAndGivesItAgain) {
  SecretArena arena;
  auto* first = arena.allocate(48);
  std::fill_n(first, 48, std::uint8_t{0xaa});
  arena.release(first, 48);
  EXPECT_TRUE(is_zero(first, 48));
  EXPECT_EQ(arena.allocate(60), first);
}

// The sanitizers turn mlock into a no-op that reports success.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCanLock = false;
#elif defined(__has_feature)
constexpr bool kCanLock = !__has_feature(address_sanitizer);
#else
constexpr bool kCanLock = true;
#endif

// Returns the flags of the mapping that holds `data`: "lo" locked, "dd" not dumped, "wf" wiped on fork (proc(5)).
std::set<std::string> flags_of(const std::uint8_t* data) {
  std::ifstream maps("/proc/self/smaps");
  auto address = reinterpret_cast<std::uintptr_t>(data);
  bool is_here = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::istringstream head(line);
    if (head >> std::hex >> begin >> dash >> end && dash == '-') is_here = begin <= address && address < end;
    if (!is_here || !line.starts_with("VmFlags:")) continue;
    std::istringstream words(line.substr(8));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

TEST(SecretArena, IsLockedAndLeftOutOfDumpsAndChildren) {
  SecretArena arena;
  for (std::size_t size : {32U, 10'000U}) {
    auto flags = flags_of(arena.allocate(size));
    ASSERT_FALSE(flags.empty());
    EXPECT_TRUE(flags.contains("dd"));
    EXPECT_EQ(flags.contains("wf"), arena.is_wiped_on_fork());
    EXPECT_EQ(flags.contains("lo"), kCanLock && arena.unlocked() == 0);
  }
}

// Runs `body` in a process of its own, in which mlock(2) fails as it does beyond RLIMIT_MEMLOCK.
int run_unlocked(const std::function<bool()>& body) {
  return latchkey::testing::run_refusing({{SYS_mlock, ENOMEM}}, body);
}

TEST(SecretArena, CountsWhatIsNotLockedAndNoLongerWhatIsGone) {
  if (!kCanLock) GTEST_SKIP() << "the sanitizers lock nothing";
  EXPECT_EQ(run_unlocked([] {
              SecretArena arena;
              auto* small = arena.allocate(32);
              auto region = arena.unlocked();
              auto* large = arena.allocate(10'000);
              bool counted = region > 0 && arena.unlocked() == region + 12'288;
              arena.release(large, 10'000);
              arena.release(small, 32);
              return counted && arena.unlocked() == region;
            }),
            0);
}

TEST(SecretArena, TellsOnceThatMemoryIsNotLockedAndWhoeverAsksLate) {
  if (!kCanLock) GTEST_SKIP() << "the sanitizers lock nothing";
  EXPECT_EQ(run_unlocked([] {
              SecretArena arena;
              int told = 0;
              arena.on_first_unlocked([&] {
                ++told;
                // A log function may need secret memory.
                arena.release(arena.allocate(64), 64);
              });
              if (told != 0) return false;
              for (int i = 0; i < 5; ++i) (void)arena.allocate(10'000);
              if (told != 1) return false;
              arena.on_first_unlocked([&] { ++told; });
              return told == 2;
            }),
            0);
  SecretArena arena;
  bool told = false;
  arena.on_first_unlocked([&] { told = true; });
  (void)arena.allocate(32);
  EXPECT_EQ(told, arena.unlocked() > 0);
}

TEST(SecretArena, IsEmptyInAForkedChildAndWorksThere) {
  SecretArena arena;
  auto* secret = arena.allocate(48);
  std::fill_n(secret, 48, std::uint8_t{0xaa});
  auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool is_fine = !arena.is_wiped_on_fork() || is_zero(secret, 48);
    arena.release(secret, 48);
    auto* again = arena.allocate(48);
    ::_exit(is_fine && is_zero(again, 48) ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(secret[0], 0xaa);
}

TEST(SecretArenaDeathTest, PagesBeforeAndBehindCannotBeTouched) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr std::size_t kSize = 8192;
  auto touch = [](std::ptrdiff_t at) {
    SecretArena arena;
    volatile auto* data = arena.allocate(kSize);
    data[at] = 1;
  };
  EXPECT_DEATH(touch(-1), "");
  EXPECT_DEATH(touch(kSize), "");
}

}  // namespace
}  // namespace latchkey::crypto
