#include "crypto/nonce_maker.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <set>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "crypto/kernel_random.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {
namespace {

using Nonce = std::array<std::uint8_t, 24>;
using Parts = std::vector<Bytes>;

struct Message {
  std::string_view what;
  Parts bound;
  Parts pieces;
};

std::vector<ByteView> views(const Parts& parts) {
  return {parts.begin(), parts.end()};
}

std::uint64_t stopped() {
  return 42;
}
std::uint64_t stopped_elsewhere() {
  return 43;
}

// One memory, or a copy of it.
class Machine {
 public:
  explicit Machine(NonceMaker::Counter counter = &stopped) : maker_(state(), counter) {}
  void become_copy_of(const Machine& other) {
    std::memcpy(memory_.mutable_view().data(), &other.state(), sizeof(NonceState));
  }
  Nonce make(const Message& message) {
    Nonce nonce{};
    maker_.make(nonce, views(message.bound), views(message.pieces));
    return nonce;
  }

 private:
  [[nodiscard]] NonceState& state() { return *reinterpret_cast<NonceState*>(memory_.mutable_view().data()); }
  [[nodiscard]] const NonceState& state() const {
    return *reinterpret_cast<const NonceState*>(memory_.reveal().data());
  }
  SecretBytes memory_{sizeof(NonceState)};
  NonceMaker maker_;
};

Bytes bytes(std::size_t size, std::uint8_t first = 0) {
  Bytes made(size, 1);
  if (size > 0) made[0] = first;
  return made;
}

// Pairwise different, in ways that a digest could miss.
std::vector<Message> messages() {
  std::vector<Message> all;
  for (std::size_t size : {0U, 1U, 31U, 32U, 33U, 64U, 1024U, 4000U, 4096U, 5000U, 70'000U}) {
    all.push_back({"another size", {}, {bytes(size)}});
    if (size > 0) all.push_back({"another first byte", {}, {bytes(size, 9)}});
    if (size > 1) {
      auto end = bytes(size);
      end.back() = 7;
      all.push_back({"another last byte", {}, {end}});
    }
  }
  all.push_back({"zeros", {}, {Bytes(32)}});
  all.push_back({"more zeros", {}, {Bytes(33)}});
  all.push_back({"bound and not encrypted", {bytes(32)}, {}});
  all.push_back({"another context", {bytes(16), bytes(40)}, {bytes(1024)}});
  all.push_back({"another compartment", {bytes(16, 5), bytes(40)}, {bytes(1024)}});
  all.push_back({"swapped", {bytes(40), bytes(16)}, {bytes(1024)}});
  return all;
}

TEST(NonceMaker, TwoCopiesOfOneMemoryNeverSealDifferentMessagesUnderOneNonce) {
  Machine original;
  (void)original.make({"", {}, {bytes(5)}});
  auto all = messages();
  for (const auto& one : all) {
    for (const auto& other : all) {
      if (&one == &other) continue;
      ASSERT_FALSE(one.bound == other.bound && one.pieces == other.pieces) << one.what << " and " << other.what;
      Machine copy;
      copy.become_copy_of(original);
      Machine another;
      another.become_copy_of(original);
      EXPECT_NE(copy.make(one), another.make(other)) << one.what << " and " << other.what;
    }
  }
}

// What the copies have in common is what was drawn ahead, and the digest's keys: it is no accident that they differ.
TEST(NonceMaker, OnlyTheMessageKeepsCopiesApartWhoseCountersAgree) {
  Machine original;
  (void)original.make({"", {}, {bytes(5)}});
  Machine copy;
  copy.become_copy_of(original);
  Machine later(&stopped_elsewhere);
  later.become_copy_of(original);
  Message message{"", {bytes(16)}, {bytes(1024)}};
  auto nonce = original.make(message);
  EXPECT_EQ(copy.make(message), nonce);
  EXPECT_NE(later.make(message), nonce) << "the time-stamp counter is not in it";
  // And of one machine none comes back, whatever it seals.
  EXPECT_NE(original.make(message), nonce);
}

TEST(NonceMaker, CopiesStayApartWhenTheyDrawAhead) {
  Machine original;
  (void)original.make({"", {}, {bytes(5)}});
  Machine copy;
  copy.become_copy_of(original);
  std::set<Nonce> seen;
  for (int i = 0; i < 1000; ++i) {
    auto of = static_cast<std::uint8_t>(i % 100);
    EXPECT_TRUE(seen.insert(original.make({"", {}, {bytes(64, of)}})).second);
    EXPECT_TRUE(seen.insert(copy.make({"", {}, {bytes(64, static_cast<std::uint8_t>(of + 100))}})).second);
  }
}

TEST(NonceMaker, ALongMessageAsksTheKernel) {
  Machine original;
  (void)original.make({"", {}, {bytes(5)}});
  Machine copy;
  copy.become_copy_of(original);
  Message message{"", {}, {bytes(kMostDigested + 1)}};
  EXPECT_NE(original.make(message), copy.make(message));
  Message in_many{"", {}, Parts(3, bytes(1))};
  EXPECT_NE(original.make(in_many), copy.make(in_many));
}

TEST(Nh, IsTheSameByEveryInstruction) {
  alignas(kNhBlock) std::array<std::uint8_t, kMostDigested + 2 * kNhBlock> key;
  std::array<std::uint8_t, kMostDigested> data;
  kernel_random(key);
  kernel_random(data);
  auto from = [&](std::size_t at, std::size_t size) { return ByteView(data).subspan(at, size); };
  std::vector<std::vector<ByteView>> all{{}, {{}}, {from(1, 2000), from(3, 32), {}, from(5, 1)}};
  for (std::size_t size = 0; size < 200; ++size) all.push_back({from(size % 7, size), from(0, 64)});
  for (const auto& parts : all) {
    auto portable = nh_portably(parts, key.data());
    for (auto nh : all_nh()) EXPECT_EQ(nh(parts, key.data()), portable) << parts.size();
    bool is_empty = std::ranges::all_of(parts, [](auto part) { return part.empty(); });
    EXPECT_EQ(is_empty, portable == NhSums{});
  }
}

TEST(Nh, IsItsDefinition) {
  // RFC 4418 section 5.2.2 with words in pairs: the sum of (m0 + k0) * (m1 + k1), by 32 and 64 bits.
  alignas(kNhBlock) std::array<std::uint32_t, 24> key{1, 0xffffffff, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  std::array<std::uint32_t, 8> data{2, 2, 0xffffffff, 1, 0, 0, 1, 1};
  std::array<ByteView, 1> parts{ByteView(reinterpret_cast<const std::uint8_t*>(data.data()), kNhBlock)};
  for (auto nh : all_nh()) {
    EXPECT_EQ(nh(parts, reinterpret_cast<const std::uint8_t*>(key.data())),
              (NhSums{3 * 1 + 2 * 5 + 5 * 6 + 8 * 9, 11 * 12 + 10 * 13 + 13 * 14 + 16 * 17}));
  }
}

TEST(KernelRandom, NeverRepeatsInEitherWay) {
  std::set<Bytes> seen;
  for (int i = 0; i < 2000; ++i) {
    Bytes slow(16);
    Bytes fast(16);
    kernel_random(slow);
    kernel_random_quickly(fast);
    EXPECT_TRUE(seen.insert(slow).second);
    EXPECT_TRUE(seen.insert(fast).second);
  }
  Bytes long_one(100'000);
  kernel_random(long_one);
  EXPECT_GT(std::set<std::uint8_t>(long_one.begin(), long_one.end()).size(), 200U);
  kernel_random({});
  kernel_random_quickly({});
}

// A copy of this whole process, made by the bare system call: no library has its part in it.
template <class Draw>
std::pair<Bytes, Bytes> drawn_by_two_copies(std::size_t size, Draw draw) {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  auto child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) {
    Bytes theirs(size);
    draw(theirs);
    ::_exit(::write(ends[1], theirs.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
  }
  Bytes mine(size);
  draw(mine);
  Bytes theirs(size);
  EXPECT_EQ(::read(ends[0], theirs.data(), size), static_cast<ssize_t>(size));
  int status = 0;
  ::waitpid(static_cast<pid_t>(child), &status, 0);
  EXPECT_EQ(status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  return {mine, theirs};
}

TEST(SystemRandom, TwoCopiesOfTheProcessMakeDifferentKeysAndNonces) {
  SystemRandom random;
  struct Case {
    std::string_view what;
    std::function<void(MutableBytes)> draw;
  };
  auto message = bytes(1024);
  ByteView view(message);
  const Case cases[] = {
      {"data key",
       [&](MutableBytes out) {
         auto key = SecretBytes::random(out.size(), random);
         std::copy(key.reveal().begin(), key.reveal().end(), out.begin());
       }},
      {"salt", [&](MutableBytes out) { random.fill(out); }},
      {"nonce", [&](MutableBytes out) { random.fill_nonce(out, {}, std::span(&view, 1)); }},
      {"the kernel's", [&](MutableBytes out) { kernel_random_quickly(out); }},
  };
  for (const auto& [what, draw] : cases) {
    Bytes before(32);
    draw(before);
    auto [mine, theirs] = drawn_by_two_copies(32, draw);
    EXPECT_NE(mine, theirs) << what;
    EXPECT_NE(mine, before) << what;
  }
}

}  // namespace
}  // namespace latchkey::crypto
