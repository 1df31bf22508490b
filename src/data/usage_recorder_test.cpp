#include "data/usage_recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"
#include "audit/activity_log.hpp"
#include "testing/matchers.hpp"

namespace latchkey::data {
namespace {

using latchkey::testing::IsError;

struct UsageRecorderTest : ::testing::Test {
  admin::testing::AdminFixture fixture;
  keyring::UsageMeter meter{fixture.clock};
  UsageRecorder recorder{fixture.store(), meter, fixture.clock, fixture.random};

  keyring::Compartment compartment() {
    keyring::Compartment made{};
    made.organization = fixture.own.organization.id;
    made.workspace_id = fixture.own.default_workspace.id;
    return made;
  }
  Task<bool> announce(std::chrono::milliseconds wait = std::chrono::seconds(30)) {
    co_await recorder.announce_beginnings(fixture.clock.steady() + wait);
    co_return true;
  }
  std::vector<store::Activity> entries(std::string type = "data_keys_used") {
    store::ActivityFilter filter;
    filter.types = {std::move(type)};
    return fixture.run(fixture.feed->list(fixture.admin(), filter, {})).value().rows;
  }
};

TEST_F(UsageRecorderTest, AnEntryShowsWhoseKeyWasUsedHowOften) {
  meter.record_usage(compartment(), "ekey_01x", RawId{7}, {.encrypts = 3, .decrypts = 4, .leases = 1},
                     std::make_shared<const std::string>("request-1"));
  ASSERT_TRUE(fixture.run(recorder.flush_usage()));
  auto all = entries();
  ASSERT_EQ(all.size(), 1U);
  auto shown = audit::to_json(all[0]).value();
  EXPECT_EQ(shown.at("type"), "data_keys_used");
  EXPECT_EQ(shown.at("actor").at("type"), "system_actor");
  EXPECT_EQ(admin::testing::text_of(shown.at("workspace_id")), fixture.own.default_workspace.id);
  EXPECT_EQ(shown.at("external_key_id"), "ekey_01x");
  EXPECT_EQ(shown.at("encrypts"), 3);
  EXPECT_EQ(shown.at("decrypts"), 4);
  EXPECT_EQ(shown.at("leases"), 1);
  EXPECT_EQ(shown.at("kms_request_ids"), (boost::json::array{"request-1"}));
}

// The one writer is busy for longer: the request gets its data all the same, and the next use records it.
TEST_F(UsageRecorderTest, NobodyWaitsForItPastTheirTime) {
  EXPECT_TRUE(meter.begin(compartment(), "ekey_01x", RawId{7}, nullptr));
  fixture.run(announce(std::chrono::milliseconds(0)));
  EXPECT_TRUE(entries("data_keys_use_began").empty());
  EXPECT_TRUE(meter.begin(compartment(), "ekey_01x", RawId{7}, nullptr)) << "it is not written yet";
  fixture.run(announce());
  EXPECT_EQ(entries("data_keys_use_began").size(), 1U);
}

TEST_F(UsageRecorderTest, ABeginningIsWrittenBeforeTheUseIsOver) {
  auto begins = [&](std::uint8_t id) {
    return meter.begin(compartment(), "ekey_01x", RawId{id}, std::make_shared<const std::string>("request-1"));
  };
  EXPECT_TRUE(begins(7));
  EXPECT_TRUE(begins(8));
  fixture.run(announce());
  auto all = entries("data_keys_use_began");
  ASSERT_EQ(all.size(), 2U);
  auto shown = audit::to_json(all[1]).value();
  EXPECT_EQ(admin::testing::text_of(shown.at("workspace_id")), fixture.own.default_workspace.id);
  EXPECT_EQ(admin::testing::text_of(shown.at("data_key_id")), format_id(id_prefix::kDataKey, RawId{7}));
  EXPECT_EQ(shown.at("external_key_id"), "ekey_01x");
  EXPECT_EQ(shown.at("kms_request_ids"), (boost::json::array{"request-1"}));
  EXPECT_EQ(admin::testing::text_of(shown.at("from")), format_timestamp(fixture.clock.now()));
  EXPECT_FALSE(shown.contains("encrypts"));
  EXPECT_FALSE(begins(7));
  fixture.run(announce());
  EXPECT_EQ(entries("data_keys_use_began").size(), 2U);
}

TEST_F(UsageRecorderTest, ABeginningThatCannotBeWrittenIsTriedAgain) {
  auto nowhere = compartment();
  nowhere.organization = make_uuid(fixture.random);
  EXPECT_TRUE(meter.begin(nowhere, std::nullopt, RawId{7}));
  fixture.run(announce());
  EXPECT_TRUE(meter.begin(nowhere, std::nullopt, RawId{7}));
  EXPECT_EQ(meter.take_beginnings().size(), 1U);
}

TEST_F(UsageRecorderTest, WithoutUseThereIsNoEntry) {
  ASSERT_TRUE(fixture.run(recorder.flush_usage()));
  EXPECT_TRUE(entries().empty());
}

TEST_F(UsageRecorderTest, WhatCannotBeWrittenIsKeptForLater) {
  auto nowhere = compartment();
  nowhere.organization = make_uuid(fixture.random);
  meter.record_usage(nowhere, std::nullopt, RawId{7}, {.encrypts = 3});
  EXPECT_FALSE(fixture.run(recorder.flush_usage())) << "there is no such organisation";
  auto kept = meter.take_usage();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].counts.encrypts, 3U);
}

// Takes what is written, or refuses.
class UseStore final : public store::Store {
 public:
  Task<Result<store::SealCounts>> check_seals() override { co_return Error{}; }
  Task<Result<store::SealProgress>> reseal(store::SealProgress, std::size_t) override { co_return Error{}; }
  Task<Result<void>> purge(std::optional<Uuid>) override { co_return success(); }
  store::Changes& changes() override { return changes_; }
  int left_to_succeed = 0;
  int transactions = 0;

 protected:
  Task<Result<void>> run(Access, std::function<Result<void>(store::Transaction&)>) override {
    ++transactions;
    if (left_to_succeed-- > 0) co_return success();
    co_return Error{ErrorCode::Unavailable, "the disk is full"};
  }

 private:
  store::Changes changes_;
};

TEST(RowCountsTest, WhatCouldNotBeWrittenIsCountedAgain) {
  UseStore store;
  ManualClock clock(Timestamp(std::chrono::seconds(1)));
  keyring::UsageMeter meter(clock);
  latchkey::testing::RepeatableRandom random;
  UsageRecorder recorder(store, meter, clock, random);
  for (int i = 0; i < 700; ++i) {
    RawId id{};
    id[0] = static_cast<std::uint8_t>(i % 256);
    id[1] = static_cast<std::uint8_t>(i / 256);
    meter.record_usage({}, std::nullopt, id, {.encrypts = 1, .bytes = 2});
  }
  store.left_to_succeed = 1;
  EXPECT_THAT(run_blocking(recorder.flush_row_counts()), IsError(ErrorCode::Unavailable));
  EXPECT_EQ(store.transactions, 2);
  store.left_to_succeed = 1;
  ASSERT_TRUE(run_blocking(recorder.flush_row_counts()));
  EXPECT_EQ(store.transactions, 3) << "the 200 that are left fit in one";
  ASSERT_TRUE(run_blocking(recorder.flush_row_counts()));
  EXPECT_EQ(store.transactions, 3) << "nothing to be written";
}

TEST_F(UsageRecorderTest, ARunInTheBackgroundWritesRowsEachFifthTime) {
  for (int run = 1; run <= 2 * UsageRecorder::kPeriodsBetweenRowCounts; ++run) {
    meter.record_usage(compartment(), "ekey_01x", RawId{7}, {.encrypts = 1, .bytes = 2});
    EXPECT_EQ(fixture.run(recorder.run_once()), UsageRecorder::kPeriod);
    EXPECT_EQ(entries().size(), static_cast<std::size_t>(run));
    EXPECT_EQ(meter.pending(compartment(), RawId{7}).records, run % UsageRecorder::kPeriodsBetweenRowCounts);
  }
}

}  // namespace
}  // namespace latchkey::data
