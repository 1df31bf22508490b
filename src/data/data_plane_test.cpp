// The data plane without HTTP. src/api/data_plane_test.cpp has the tests of what it promises over HTTP.
#include "data/data_plane.hpp"

#include <gmock/gmock.h>

#include "admin/testing/admin_fixture.hpp"
#include "kms/reasons.hpp"
#include "testing/matchers.hpp"

namespace latchkey::data {
namespace {

using latchkey::testing::IsError;
using ::testing::ElementsAre;

struct WrittenReports final : DataPlaneObserver {
  void data_key_requested(const Error* error, bool bridged) override {
    written.emplace_back(error == nullptr ? (bridged ? "bridged" : "served") : error->reason.code());
  }
  std::vector<std::string> written;
};

struct DataPlaneTest : ::testing::Test {
  admin::testing::AdminFixture fixture;
  keyring::UsageMeter meter{fixture.clock};
  UsageRecorder usage{fixture.store(), meter, fixture.clock, fixture.random};
  keyring::Keyring keyring{
      fixture.store(), fixture.provider, fixture.clock, fixture.random, fixture.context.get_executor(), {}, nullptr};
  Compartments compartments{fixture.store(), fixture.clouds, fixture.clock};
  WrittenReports reports;
  DataPlane plane{compartments, keyring, usage, reports, fixture.random};
  store::Workspace workspace = fixture.make_workspace();
  audit::Caller caller = fixture.admin();
  envelope::CanonicalContext context;
  int confirmations = 0;
  std::function<void()> on_confirmation;  // once
  std::optional<Error> confirmation_error;

  std::string key_id = fixture.make_key().row.id;

  DataPlaneTest() {
    EXPECT_TRUE(fixture.attach(workspace.id, key_id));
    caller.role = store::Role::Service;
  }

  DataCall call() {
    Confirm confirm = [this]() -> std::optional<Task<Result<void>>> {
      ++confirmations;
      if (auto happens = std::exchange(on_confirmation, nullptr)) happens();
      if (!confirmation_error) return std::nullopt;
      return refuse(*confirmation_error);
    };
    return {.caller = caller,
            .workspace_id = workspace.id,
            .deadline = fixture.clock.steady() + std::chrono::seconds(10),
            .confirm = std::move(confirm)};
  }
  static Task<Result<void>> refuse(Error error) { co_return error; }

  // The record that seals the text, with room for it.
  static Bytes record_around(std::string_view text) {
    Bytes record(envelope::sealed_size(text.size()));
    std::ranges::copy(as_bytes(text), record.begin() + envelope::kRecordBodyOffset);
    return record;
  }
  Result<KeyNames> encrypt(Bytes& record) {
    RecordInPlace in_place{&context, record};
    return fixture.run(plane.encrypt(call(), std::span(&in_place, 1)));
  }
  Result<std::vector<DataPlane::Opened>> decrypt(std::vector<Bytes>& records) {
    std::vector<RecordInPlace> in_place;
    for (auto& record : records) in_place.push_back({&context, record});
    return fixture.run(plane.decrypt(call(), in_place));
  }
  static std::string_view text_in(const Bytes& record) {
    return as_text(record).substr(envelope::kRecordBodyOffset, record.size() - envelope::kRecordOverhead);
  }
};

TEST_F(DataPlaneTest, OneServesAllCallsAndReportsEachDataKey) {
  auto record = record_around("secret");
  auto sealed = encrypt(record);
  ASSERT_TRUE(sealed) << sealed.error().message();
  EXPECT_NE(text_in(record), "secret");
  std::vector<Bytes> records{record, Bytes(3), record};
  auto opened = decrypt(records);
  ASSERT_TRUE(opened);
  ASSERT_EQ(opened.value().size(), 3U);
  EXPECT_THAT(opened.value()[1], IsError(ErrorCode::Invalid)) << "a bad record spoils no other";
  for (std::size_t i : {0, 2}) {
    ASSERT_TRUE(opened.value()[i]);
    EXPECT_EQ(opened.value()[i].value()->data_key_id, sealed.value().data_key_id);
    EXPECT_EQ(text_in(records[i]), "secret");
  }
  EXPECT_EQ(confirmations, 2);
  EXPECT_THAT(reports.written, ElementsAre("served", "served"));
  auto used = meter.take_usage();
  ASSERT_EQ(used.size(), 1U);
  EXPECT_EQ(used[0].counts, (keyring::UsageCounts{.encrypts = 1, .decrypts = 2, .leases = 0, .bytes = 6}));
}

// The lease ends while the call asks whether its caller is still somebody: what it sealed is sealed again, and what it
// opened is opened under the next lease.
TEST_F(DataPlaneTest, AnEvictionDuringACallChangesNothingForTheCaller) {
  auto record = record_around("secret");
  on_confirmation = [this] { keyring.evict(key_id); };
  ASSERT_TRUE(encrypt(record));
  EXPECT_EQ(confirmations, 2);
  std::vector<Bytes> records{record};
  on_confirmation = [this] { keyring.evict(key_id); };
  auto opened = decrypt(records);
  ASSERT_TRUE(opened && opened.value()[0]);
  EXPECT_EQ(text_in(records[0]), "secret");
  EXPECT_EQ(confirmations, 4);
}

TEST_F(DataPlaneTest, ACallerWhoseKeyEndedMeanwhileGetsAndCountsNothing) {
  confirmation_error = Error{ErrorCode::Unauthenticated, "the API key was revoked"};
  auto record = record_around("secret");
  EXPECT_THAT(encrypt(record), IsError(ErrorCode::Unauthenticated));
  EXPECT_THAT(fixture.run(plane.lease(call())), IsError(ErrorCode::Unauthenticated));
  EXPECT_TRUE(meter.take_usage().empty());
}

TEST_F(DataPlaneTest, ARefusalOfTheCustomersKeyIsTheResultOfTheCall) {
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "the key is disabled", kms::reason::kKeyDisabled};
  auto record = record_around("secret");
  EXPECT_THAT(encrypt(record), IsError(ErrorCode::KeyDenied));
  EXPECT_THAT(reports.written, ElementsAre(std::string(kms::reason::kKeyDisabled.code)));
}

}  // namespace
}  // namespace latchkey::data
