#include "keyring/footprint.hpp"

#include <sys/mman.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace latchkey::keyring {
namespace {

TEST(Footprint, APlaceThatIsGoneDoesNoHarm) {
  constexpr std::size_t kPage = 4096;
  auto* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  Footprint footprint;
  footprint.fetch();
  for (std::size_t part = 0; part < Footprint::kParts; ++part) {
    footprint.note(static_cast<Footprint::Part>(part), page);
  }
  ASSERT_EQ(::munmap(page, kPage), 0);
  footprint.fetch();
  Footprint copy = footprint;
  copy.fetch();
}

// For the sanitizers: requests of one compartment note, read and copy at once.
TEST(Footprint, ManyThreadsUseOne) {
  const Footprint footprint;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&footprint, own = i] {
      for (int j = 0; j < 1'000; ++j) {
        footprint.note(Footprint::kLease, &own);
        footprint.fetch();
        Footprint(footprint).fetch();
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace latchkey::keyring
