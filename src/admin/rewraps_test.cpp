#include "admin/rewraps.hpp"

#include <gmock/gmock.h>

#include "admin/key_location.hpp"
#include "admin/testing/admin_fixture.hpp"
#include "keyring/keyring.hpp"
#include "kms/reasons.hpp"
#include "testing/matchers.hpp"

namespace latchkey::admin {
namespace {

using namespace std::chrono_literals;
using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using store::RewrapState;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::text_of;

// A sleeper that lets time pass, and during whose sleep a test may do something.
class SteppingSleeper final : public kms::Sleeper {
 public:
  explicit SteppingSleeper(ManualClock& clock) : clock_(clock) {}
  Task<void> sleep_for(std::chrono::milliseconds delay) override {
    slept.push_back(delay);
    clock_.advance(delay);
    if (auto act = std::exchange(meanwhile, nullptr)) co_await act();
  }
  std::vector<std::chrono::milliseconds> slept;
  std::function<Task<void>()> meanwhile;

 private:
  ManualClock& clock_;
};

struct RewrapsTest : ::testing::Test {
  RewrapsTest() {
    restart();
    key = fixture.make_key().row;
    for (int i = 0; i < 4; ++i) {
      auto workspace = fixture.make_workspace("W" + std::to_string(i));
      rows.push_back(fixture.attach(workspace.id, key.id).value());
      seal(rows.back());
    }
    fixture.provider.description.key_version = "version-2";
    fixture.provider.wraps = fixture.provider.unwraps = fixture.provider.describes = 0;
  }

  // Begins anew as after kill -9: only the store is left.
  void restart() {
    rewrapper.emplace(fixture.store(), fixture.provider, fixture.clock, fixture.context.get_executor(), sleeper,
                      keyring::RewrapSettings{}, rewrap_hooks(fixture.clouds, fixture.clock, fixture.random));
    rewraps.emplace(fixture.store(), fixture.provider, fixture.clouds, *rewrapper, fixture.clock, fixture.random);
  }
  keyring::Compartment compartment_of(const store::Workspace& row) {
    return {.organization = row.organization,
            .id = row.compartment,
            .workspace_id = row.id,
            .external_key_id = row.external_key_id,
            .key = key_location(fixture.clouds, key).value()};
  }
  void seal(const store::Workspace& row) {
    keyring::Keyring keyring(fixture.store(), fixture.provider, fixture.clock, fixture.random,
                             fixture.context.get_executor(), {});
    auto deadline = fixture.clock.steady() + 10s;
    ASSERT_TRUE(fixture.run(keyring.for_encryption(compartment_of(row), deadline)));
  }
  Result<RewrapProgress> start() {
    return fixture.run(rewraps->start(fixture.admin(), key.id, fixture.clock.steady() + 10s));
  }
  Result<RewrapProgress> pause() { return fixture.run(rewraps->pause(fixture.admin(), key.id)); }
  RewrapProgress progress() { return fixture.run(rewraps->get(fixture.admin(), key.id)).value(); }
  RewrapProgress until_over() {
    fixture.settle();
    auto now = progress();
    EXPECT_NE(now.rewrap.state, RewrapState::Running) << "it does not end";
    return now;
  }
  Task<Result<void>> suspending() {
    store::ExternalKeySuspension row{.external_key_id = key.id,
                                     .organization = key.organization,
                                     .suspended_at = fixture.clock.now(),
                                     .suspended_by = "apikey_1",
                                     .reason = std::nullopt};
    auto insert = [row = std::move(row)](store::Transaction& tx) { return tx.insert(row); };
    co_return co_await fixture.store().write(std::move(insert));
  }
  void suspend() { ASSERT_TRUE(fixture.run(suspending())); }
  std::vector<store::DataKey> data_keys() {
    std::vector<store::DataKey> all;
    for (const auto& row : rows) {
      auto list = [row](store::Transaction& tx) { return tx.list_data_keys(row.compartment, {}); };
      auto page = fixture.run(fixture.store().read(list)).value();
      for (auto& each : page.rows) all.push_back(std::move(each));
    }
    return all;
  }
  std::vector<std::string> versions() {
    std::vector<std::string> found;
    for (const auto& row : data_keys()) found.push_back(row.key_version);
    return found;
  }

  testing::AdminFixture fixture;
  std::shared_ptr<SteppingSleeper> sleeper = std::make_shared<SteppingSleeper>(fixture.clock);
  std::optional<keyring::Rewrapper> rewrapper;
  std::optional<Rewraps> rewraps;
  store::ExternalKey key;
  std::vector<store::Workspace> rows;
};

TEST_F(RewrapsTest, EveryDataKeyGoesUnderTheNewestVersion) {
  auto begun = start();
  ASSERT_TRUE(begun) << describe(begun.error());
  EXPECT_EQ(begun.value().rewrap.state, RewrapState::Running);
  EXPECT_EQ(begun.value().rewrap.target_version, "version-2");
  EXPECT_EQ(begun.value().count, (store::WrappedCount{4, 4}));
  auto over = until_over();
  EXPECT_EQ(over.rewrap.state, RewrapState::Completed);
  EXPECT_EQ(over.count, (store::WrappedCount{4, 0}));
  EXPECT_EQ(over.rewrap.error, std::nullopt);
  EXPECT_THAT(versions(), Each(std::string("version-2")));
  for (const auto& row : data_keys()) EXPECT_TRUE(row.rewrapped_at);
  EXPECT_EQ(fixture.provider.wraps, 4);
  EXPECT_EQ(fixture.provider.unwraps, 8) << "each once to open, once to compare";

  auto started = fixture.last_activity("org_external_key_rewrap_started");
  EXPECT_EQ(text_of(started.at("external_key_id")), key.id);
  EXPECT_EQ(started.at("remaining"), 4);
  auto completed = fixture.last_activity("org_external_key_rewrap_completed");
  EXPECT_EQ(text_of(completed.at("target_version")), "version-2");
  EXPECT_EQ(completed.at("remaining"), 0);
  EXPECT_EQ(text_of(completed.at("actor").at("type")), "system_actor");
}

TEST_F(RewrapsTest, AfterwardsTheOldVersionMayBeDisabled) {
  ASSERT_TRUE(start());
  until_over();
  fixture.provider.disabled_versions = {"version-1"};
  keyring::Keyring keyring(fixture.store(), fixture.provider, fixture.clock, fixture.random,
                           fixture.context.get_executor(), {});
  for (const auto& row : rows) {
    auto id = data_keys()[0].id;
    for (const auto& each : data_keys()) {
      if (each.compartment == row.compartment) id = each.id;
    }
    EXPECT_TRUE(fixture.run(keyring.for_decryption(compartment_of(row), id, fixture.clock.steady() + 10s)));
  }
}

TEST_F(RewrapsTest, KeepsToItsBudget) {
  ASSERT_TRUE(start());
  auto began = fixture.clock.steady();
  until_over();
  // 12 calls at 10 a second.
  EXPECT_GE(fixture.clock.steady() - began, 1100ms);
}

TEST_F(RewrapsTest, PausesAndGoesOn) {
  sleeper->meanwhile = [this]() -> Task<void> {
    auto paused = co_await rewraps->pause(fixture.admin(), key.id);
    EXPECT_TRUE(paused);
  };
  ASSERT_TRUE(start());
  auto paused = until_over();
  EXPECT_EQ(paused.rewrap.state, RewrapState::Paused);
  EXPECT_GT(paused.count.remaining, 0);
  EXPECT_EQ(pause().value().rewrap.state, RewrapState::Paused);
  EXPECT_EQ(start().value().rewrap.started_at, paused.rewrap.started_at);
  EXPECT_EQ(until_over().rewrap.state, RewrapState::Completed);
  auto types = fixture.activity_types();
  for (const auto* type : {"org_external_key_rewrap_paused", "org_external_key_rewrap_resumed"}) {
    EXPECT_EQ(std::ranges::count(types, type), 1) << type;
  }
}

TEST_F(RewrapsTest, GoesOnAfterARestart) {
  sleeper->meanwhile = [this]() -> Task<void> {
    rewrapper->stop();
    co_return;
  };
  ASSERT_TRUE(start());
  fixture.settle();
  auto left = progress();
  EXPECT_EQ(left.rewrap.state, RewrapState::Running);
  EXPECT_GT(left.count.remaining, 0);
  restart();
  ASSERT_TRUE(fixture.run(rewrapper->begin_all()));
  EXPECT_EQ(until_over().rewrap.state, RewrapState::Completed);
  EXPECT_THAT(versions(), Each(std::string("version-2")));
}

TEST_F(RewrapsTest, WaitsOutagesOut) {
  auto begun = start();
  ASSERT_TRUE(begun);
  fixture.provider.failure = Error{ErrorCode::KeyUnreachable, "the vault does not answer", kms::reason::kTimedOut};
  int naps = 0;
  std::function<Task<void>()> nap = [&]() -> Task<void> {
    if (++naps < 6) {
      sleeper->meanwhile = nap;
    } else {
      auto now = co_await rewraps->get(fixture.admin(), key.id);
      EXPECT_EQ(now.value().rewrap.state, RewrapState::Running);
      EXPECT_EQ(now.value().rewrap.reason, "timed_out");
      fixture.provider.failure.reset();
    }
  };
  sleeper->meanwhile = nap;
  auto over = until_over();
  EXPECT_EQ(over.rewrap.state, RewrapState::Completed);
  EXPECT_EQ(over.rewrap.error, std::nullopt);
  EXPECT_EQ(over.count.remaining, 0);
  EXPECT_GE(*std::ranges::max_element(sleeper->slept), 20s) << "the pauses grow";
}

TEST_F(RewrapsTest, StopsWhereTheKeyRefuses) {
  fixture.provider.disabled_versions = {"version-1"};
  ASSERT_TRUE(start());
  auto over = until_over();
  EXPECT_EQ(over.rewrap.state, RewrapState::Stopped);
  EXPECT_EQ(over.rewrap.reason, "key_disabled");
  EXPECT_EQ(over.count.remaining, 4);
  EXPECT_EQ(text_of(fixture.last_activity("org_external_key_rewrap_stopped").at("reason")), "key_disabled");
  fixture.provider.disabled_versions.clear();
  ASSERT_TRUE(start());
  EXPECT_EQ(until_over().rewrap.state, RewrapState::Completed);
}

TEST_F(RewrapsTest, KeepsWhatDoesNotComeBackTheSame) {
  auto before = data_keys();
  fixture.provider.disabled_versions = {"version-2"};
  ASSERT_TRUE(start());
  EXPECT_EQ(until_over().rewrap.state, RewrapState::Stopped);
  EXPECT_EQ(data_keys(), before);
}

TEST_F(RewrapsTest, PassesDamagedOnesOverAndSaysSo) {
  auto damage = [row = data_keys()[1]](store::Transaction& tx) {
    return tx.rewrap_data_key(row, row.key_version, Bytes(row.wrapped.size(), 1), Timestamp(1s));
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(damage)));
  ASSERT_TRUE(start());
  auto over = until_over();
  EXPECT_EQ(over.rewrap.state, RewrapState::Stopped);
  EXPECT_EQ(over.count, (store::WrappedCount{4, 1}));
  EXPECT_THAT(*over.rewrap.error, HasSubstr("1 wrapped data keys do not open"));
}

TEST_F(RewrapsTest, FollowsAKeyThatIsRotatedMeanwhile) {
  sleeper->meanwhile = [this]() -> Task<void> {
    fixture.provider.description.key_version = "version-3";
    co_return;
  };
  ASSERT_TRUE(start());
  auto over = until_over();
  EXPECT_EQ(over.rewrap.state, RewrapState::Completed);
  EXPECT_EQ(over.rewrap.target_version, "version-3");
  EXPECT_THAT(versions(), Each(std::string("version-3")));
}

TEST_F(RewrapsTest, StartRefuses) {
  EXPECT_THAT(fixture.run(rewraps->get(fixture.admin(), key.id)), IsError(ErrorCode::NotFound));
  EXPECT_THAT(pause(), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(rewraps->start(fixture.stranger(), key.id, fixture.clock.steady() + 10s)),
              IsError(ErrorCode::NotFound));
  fixture.provider.description.enabled = false;
  EXPECT_THAT(start(), IsErrorFor(kms::reason::kKeyDisabled));
  fixture.provider.description.enabled = true;
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "no role", kms::reason::kRoleMissing};
  EXPECT_THAT(start(), IsErrorFor("role_missing"));
  EXPECT_THAT(fixture.run(rewraps->get(fixture.admin(), key.id)), IsError(ErrorCode::NotFound));
}

TEST_F(RewrapsTest, ASuspendedKeyIsNotAsked) {
  suspend();
  auto refused = start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, kms::reason::kSuspended);
  EXPECT_EQ(fixture.provider.calls(), 0);
  EXPECT_THAT(fixture.run(rewraps->get(fixture.admin(), key.id)), IsError(ErrorCode::NotFound));
}

TEST_F(RewrapsTest, AKeyThatIsSuspendedWhileItIsAskedStartsNothing) {
  fixture.provider.interruption = [this]() -> Task<void> { (void)co_await suspending(); };
  EXPECT_THAT(start(), IsErrorFor(kms::reason::kSuspended));
  EXPECT_EQ(fixture.provider.calls(), 1) << "what it was being asked";
  EXPECT_THAT(fixture.run(rewraps->get(fixture.admin(), key.id)), IsError(ErrorCode::NotFound));
}

TEST_F(RewrapsTest, StopsWhereTheKeyIsSuspendedMeanwhile) {
  sleeper->meanwhile = [this]() -> Task<void> { (void)co_await suspending(); };
  ASSERT_TRUE(start());
  auto over = until_over();
  EXPECT_EQ(over.rewrap.state, RewrapState::Stopped);
  EXPECT_EQ(over.rewrap.reason, kms::reason::kSuspended.code);
  EXPECT_THAT(*over.rewrap.error, HasSubstr("latchkey keys resume " + key.id));
  EXPECT_EQ(over.count.remaining, 4) << "nothing is written of the one that was under way";
  EXPECT_EQ(fixture.provider.unwraps, 2);
  EXPECT_THAT(start(), IsErrorFor(kms::reason::kSuspended));

  auto resume = [this](store::Transaction& tx) { return tx.erase_suspension(key.organization, key.id); };
  ASSERT_TRUE(fixture.run(fixture.store().write(resume)));
  ASSERT_TRUE(start());
  EXPECT_EQ(until_over().rewrap.state, RewrapState::Completed);
}

TEST_F(RewrapsTest, WhereAllAreUnderTheNewestItIsOverAtOnce) {
  fixture.provider.description.key_version = "version-1";
  ASSERT_TRUE(start());
  EXPECT_EQ(until_over().rewrap.state, RewrapState::Completed);
  EXPECT_EQ(fixture.provider.wraps, 0);
}

}  // namespace
}  // namespace latchkey::admin
