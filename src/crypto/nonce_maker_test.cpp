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

// A machine's memory, or a copy of it.
class Machine {
 public:
  explicit Machine(NonceMaker::Counter counter = &stopped) : maker_(state(), counter) {}
  void become_copy_of(const Machine& other) {
    std::memcpy(memory_.mutable_view().data(), &other.state(), sizeof(NonceState));
  }
  Nonce make(const Message& message) {
    Nonce nonce{};
    maker_.draw(nonce);
    maker_.hedge(nonce, views(message.bound), views(message.pieces));
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

// Messages that differ pairwise in ways that a digest could miss.
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

// The copies share the nonces drawn in advance and the digest's keys, so only the messages can make their nonces
// differ.
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
  // No nonce of one machine comes back, whatever it seals.
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

// CLNH by its definition, bit by bit: the sum of (m0 + k0) * (m1 + k1) over GF(2)[x], in words of 64 bits.
HashSum hash_by_definition(std::span<const ByteView> bound, std::span<const ByteView> message,
                           const std::uint8_t* key) {
  Bytes all;
  for (auto parts : {bound, message}) {
    for (auto part : parts) {
      all.insert(all.end(), part.begin(), part.end());
      all.resize((all.size() + kHashBlock - 1) / kHashBlock * kHashBlock);
    }
  }
  auto word = [](const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  };
  HashSum sum{};
  for (std::size_t at = 0; at < all.size(); at += 16) {
    auto one = word(all.data() + at) ^ word(key + at);
    auto other = word(all.data() + at + 8) ^ word(key + at + 8);
    for (int bit = 0; bit < 64; ++bit) {
      if ((other >> bit & 1) == 0) continue;
      sum[0] ^= one << bit;
      if (bit > 0) sum[1] ^= one >> (64 - bit);
    }
  }
  return sum;
}

bool are_same(HashSum one, HashSum other) {
  return one[0] == other[0] && one[1] == other[1];
}

TEST(UniversalHash, IsItsDefinitionByEveryInstruction) {
#ifdef __x86_64__
  ASSERT_FALSE(universal_hashes().empty());
#endif
  alignas(kHashBlock) std::array<std::uint8_t, kMostDigested> key;
  std::array<std::uint8_t, kMostDigested> data;
  kernel_random(key);
  kernel_random(data);
  auto from = [&](std::size_t at, std::size_t size) { return ByteView(data).subspan(at, size); };
  using Views = std::vector<ByteView>;
  std::vector<std::pair<Views, Views>> all{
      {{}, {}}, {{{}}, {{}}}, {{from(1, 2000), from(3, 32)}, {{}, from(5, 1)}}, {{}, {from(0, kMostDigested)}}};
  for (std::size_t size = 0; size < 400; ++size) all.push_back({{from(size % 7, size)}, {from(0, 64)}});
  for (const auto& [bound, message] : all) {
    auto expected = hash_by_definition(bound, message, key.data());
    for (auto hash : universal_hashes()) {
      EXPECT_TRUE(are_same(hash(bound, message, key.data()), expected)) << bound.size() << ' ' << message.size();
    }
    bool has_bytes = std::ranges::any_of(bound, [](auto part) { return !part.empty(); }) ||
                     std::ranges::any_of(message, [](auto part) { return !part.empty(); });
    EXPECT_EQ(has_bytes, !are_same(expected, HashSum{}));
  }
}

// A caller may derive a key from the other bytes before the end is final.
TEST(NonceMaker, OnlyTheEndDependsOnTheMessage) {
  Machine original;
  (void)original.make({"", {}, {bytes(5)}});
  for (std::size_t size : {64U, 70'000U}) {
    Machine copy;
    copy.become_copy_of(original);
    Machine another;
    another.become_copy_of(original);
    auto one = copy.make({"", {}, {bytes(size)}});
    auto other = another.make({"", {}, {bytes(size, 9)}});
    constexpr auto kRest = sizeof(Nonce) - sizeof(NonceHedge);
    EXPECT_TRUE(std::equal(one.begin(), one.begin() + kRest, other.begin()));
    EXPECT_NE(one, other);
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

// Copies this whole process by the bare system call, so that no library takes part.
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
      {"nonce",
       [&](MutableBytes out) {
         random.draw_nonce(out);
         random.hedge_nonce(out, {}, std::span(&view, 1));
       }},
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
