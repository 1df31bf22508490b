#include "api/request_id.hpp"

#include <array>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/id.hpp"
#include "crypto/random.hpp"

namespace latchkey::api {
namespace {

class CountedRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override {
    random_.fill(out);
    drawn += out.size();
  }
  std::size_t drawn = 0;

 private:
  crypto::SystemRandom random_;
};

using Ids = std::vector<std::string>;

Ids make_ids(RandomSource& random, int count) {
  Ids ids;
  for (int i = 0; i < count; ++i) ids.push_back(make_request_id(random));
  return ids;
}

TEST(RequestId, IsAskedOfTheKernelOnceInEachThread) {
  CountedRandom random;
  std::set<std::string> seen;
  std::thread([&] {
    for (const auto& id : make_ids(random, 1'000)) {
      EXPECT_TRUE(parse_id(id_prefix::kRequest, id)) << id;
      EXPECT_TRUE(seen.insert(id).second) << id;
    }
  }).join();
  EXPECT_EQ(random.drawn, sizeof(RawId));
}

TEST(RequestId, IsAnotherInEachThread) {
  constexpr int kIds = 1'000;
  crypto::SystemRandom random;
  std::array<Ids, 4> drawn;
  std::vector<std::thread> threads;
  for (auto& ids : drawn) threads.emplace_back([&] { ids = make_ids(random, kIds); });
  for (auto& thread : threads) thread.join();
  std::set<std::string> seen;
  for (const auto& ids : drawn) seen.insert(ids.begin(), ids.end());
  EXPECT_EQ(seen.size(), drawn.size() * kIds);
}

// What the parent and two children of it give next, though both children have a copy of its memory.
TEST(RequestId, IsAnotherInEachForkedChild) {
  crypto::SystemRandom random;
  auto size = make_request_id(random).size();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::set<std::string> seen;
  for (int i = 0; i < 2; ++i) {
    auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto id = make_request_id(random);
      ::_exit(::write(ends[1], id.data(), id.size()) == static_cast<ssize_t>(size) ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
    std::string theirs(size, '\0');
    ASSERT_EQ(::read(ends[0], theirs.data(), size), static_cast<ssize_t>(size));
    seen.insert(theirs);
  }
  seen.insert(make_request_id(random));
  EXPECT_EQ(seen.size(), 3U);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace latchkey::api
