#include "library/refusals.hpp"

#include <algorithm>
#include <latch>
#include <memory>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "library/testing/fake_lease_source.hpp"

namespace latchkey::library {
namespace {

using std::chrono::seconds;
using testing::FakeLeaseSource;
using testing::kKeyDisabled;
using testing::raw;

const crypto::SecretBytes kOurs(as_bytes("sk-ours"));
const crypto::SecretBytes kOursAgain(as_bytes("sk-ours"));
const crypto::SecretBytes kTheirs(as_bytes("sk-theirs"));

// One handle of a workspace, which holds two data keys under a customer's key and one under the platform's.
struct Handle {
  Handle(const Clock& clock, Refusals& its_refusals, std::string_view url, std::string_view workspace,
         const crypto::SecretBytes& api_key, std::string external_key)
      : source(clock),
        refusals(its_refusals),
        keys(source, clock, {.on_refusal = [this](const Refusal& refusal) { refusals.tell(keys, refusal); }}) {
    source.external_key_id = std::move(external_key);
    refusals.add({keys, url, workspace, api_key});
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { refusals.remove(keys); }

  void fill() {
    ASSERT_TRUE(keys.for_encryption() && keys.for_decryption(raw(2)));
    auto external_key = std::exchange(source.external_key_id, std::nullopt);
    ASSERT_TRUE(keys.for_decryption(raw(3)));
    source.external_key_id = external_key;
  }

  FakeLeaseSource source;
  Refusals& refusals;
  LeasedKeys keys;
};

struct RefusalsTest : ::testing::Test {
  ManualClock clock{Timestamp(seconds(1'800'000'000))};
  Refusals refusals;
  Handle hearer{clock, refusals, "https://a", "wrkspc_1", kOurs, "ekey_1"};
};

TEST_F(RefusalsTest, AreObeyedByAllWhomTheyConcern) {
  struct Other {
    const char* what;
    std::string_view url;
    std::string_view workspace;
    const crypto::SecretBytes& api_key;
    const char* external_key;
  };
  const std::vector<Other> others = {{"twin", "https://a", "wrkspc_1", kOursAgain, "ekey_1"},
                                     {"by another API key", "https://a", "wrkspc_1", kTheirs, "ekey_1"},
                                     {"another workspace under the key", "https://a", "wrkspc_2", kOurs, "ekey_1"},
                                     {"another workspace under another", "https://a", "wrkspc_3", kOurs, "ekey_2"},
                                     {"another server", "https://b", "wrkspc_1", kOurs, "ekey_1"}};
  struct Case {
    ErrorCode code;
    const char* reason;
    std::optional<RawId> asked;
    std::vector<std::vector<std::uint8_t>> kept;  // of each other one
  };
  const std::vector<std::uint8_t> all = {1, 2, 3};
  const std::vector<std::uint8_t> platforms = {3};
  const std::vector<std::uint8_t> none = {};
  for (const auto& [code, reason, asked, kept] : std::vector<Case>{
           {ErrorCode::Invalid, "cmek_key_disabled", std::nullopt, {platforms, platforms, platforms, all, all}},
           {ErrorCode::Invalid, "cmek_key_disabled", raw(9), {platforms, platforms, platforms, all, all}},
           {ErrorCode::Invalid, "data_key_destroyed", raw(2), {{1, 3}, {1, 3}, all, all, all}},
           {ErrorCode::NotFound, "", raw(9), {all, all, all, all, all}},
           {ErrorCode::NotFound, "", raw(2), {{1, 3}, {1, 3}, all, all, all}},
           {ErrorCode::NotFound, "", std::nullopt, {none, all, all, all, all}},
           {ErrorCode::PermissionDenied, "", std::nullopt, {none, all, all, all, all}},
           {ErrorCode::Unauthenticated, "", raw(9), {none, all, none, none, all}},
           {ErrorCode::Unavailable, "cmek_key_unreachable", std::nullopt, {all, all, all, all, all}}}) {
    std::vector<std::unique_ptr<Handle>> handles;
    hearer.keys.clear();
    hearer.source.lease_again();
    hearer.fill();
    for (const auto& other : others) {
      handles.push_back(
          std::make_unique<Handle>(clock, refusals, other.url, other.workspace, other.api_key, other.external_key));
      handles.back()->fill();
    }
    clock.advance(seconds(46));
    hearer.source.fail_with(code, Reason::reported(std::string(reason)));
    (void)(asked ? hearer.keys.for_decryption(*asked) : hearer.keys.for_encryption());
    for (std::size_t i = 0; i < others.size(); ++i) {
      for (std::uint8_t id = 1; id <= 3; ++id) {
        EXPECT_EQ(handles[i]->keys.holds(raw(id)), std::ranges::count(kept[i], id) == 1)
            << others[i].what << ", " << to_string(code) << " " << reason << ", data key " << int{id};
      }
    }
  }
}

TEST_F(RefusalsTest, ReachOtherWorkspacesThoughWhoHeardThemHeldNothing) {
  Handle twin(clock, refusals, "https://a", "wrkspc_1", kTheirs, "ekey_1");
  Handle elsewhere(clock, refusals, "https://a", "wrkspc_2", kTheirs, "ekey_1");
  twin.fill();
  elsewhere.fill();
  hearer.source.fail_with(ErrorCode::Invalid, kKeyDisabled);
  EXPECT_FALSE(hearer.keys.for_encryption());
  EXPECT_FALSE(twin.keys.holds(raw(1)) || elsewhere.keys.holds(raw(1)));
}

TEST_F(RefusalsTest, AlsoEndWhatIsBeingLentMeanwhile) {
  Handle twin(clock, refusals, "https://a", "wrkspc_1", kTheirs, "ekey_1");
  hearer.source.fail_with(ErrorCode::Invalid, kKeyDisabled);
  // The source's first response was on its way when the other handle received the refusal.
  twin.source.failure = [first = true](const FakeLeaseSource::Name&) mutable -> std::optional<Error> {
    if (std::exchange(first, false)) return std::nullopt;
    return Error{ErrorCode::Invalid, "as it was told", kKeyDisabled};
  };
  twin.source.while_asking = [&] {
    twin.source.while_asking = {};
    EXPECT_FALSE(hearer.keys.for_encryption());
  };
  EXPECT_FALSE(twin.keys.for_encryption());
  EXPECT_EQ(twin.source.calls, 2);
  EXPECT_FALSE(twin.keys.holds(raw(1)));
}

// Each handle receives refusals and is told of the others', while handles are made and destroyed.
TEST_F(RefusalsTest, AreToldFromAllThreadsAtOnce) {
  constexpr int kThreads = 4;
  std::latch begin(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      begin.arrive_and_wait();
      for (int i = 0; i < 200; ++i) {
        Handle own(clock, refusals, "https://a", "wrkspc_1", kOurs, "ekey_1");
        (void)own.keys.for_decryption(raw(2));
        own.source.fail_with(ErrorCode::Invalid, kKeyDisabled);
        EXPECT_FALSE(own.keys.for_decryption(raw(4)));
        EXPECT_FALSE(own.keys.holds(raw(2)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(RefusalsOfAProcess, AreItsOwnAlone) {
  ManualClock clock{Timestamp(seconds(1'800'000'000))};
  auto& parents = Refusals::of_this_process();
  EXPECT_EQ(&parents, &Refusals::of_this_process());
  Handle handle(clock, parents, "https://a", "wrkspc_1", kOurs, "ekey_1");
  auto child = ::fork();
  if (child == 0) {
    auto& own = Refusals::of_this_process();
    Refusal refusal{Refusal::Of::Workspace, {}, {}};
    parents.tell(handle.keys, refusal);
    parents.remove(handle.keys);
    ::_exit(&own != &parents && &own == &Refusals::of_this_process() ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace latchkey::library
