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
  int confirmations = 0;
  std::optional<Error> confirmation_error;

  DataPlaneTest() { EXPECT_TRUE(fixture.attach(workspace.id, fixture.make_key().row.id)); }

  DataCall call() {
    auto caller = fixture.admin();
    caller.role = store::Role::Service;
    Confirm confirm = [this]() -> std::optional<Task<Result<void>>> {
      ++confirmations;
      if (!confirmation_error) return std::nullopt;
      return refuse(*confirmation_error);
    };
    return {.caller = std::move(caller),
            .workspace_id = workspace.id,
            .deadline = fixture.clock.steady() + std::chrono::seconds(10),
            .confirm = std::move(confirm)};
  }
  static Task<Result<void>> refuse(Error error) { co_return error; }

  Result<std::vector<Result<Sealed>>> encrypt(std::string_view text) {
    std::vector<Result<Plain>> items;
    items.emplace_back(Plain{{}, crypto::SecretBuffer(to_bytes(as_bytes(text)))});
    items.emplace_back(Error{ErrorCode::Invalid, "an item that nobody could read"});
    return fixture.run(plane.encrypt(call(), std::move(items)));
  }
  Result<std::vector<Result<Opened>>> decrypt(Bytes ciphertext) {
    std::vector<Result<Cipher>> items;
    items.emplace_back(Cipher{{}, std::move(ciphertext)});
    return fixture.run(plane.decrypt(call(), std::move(items)));
  }
};

TEST_F(DataPlaneTest, OneServesAllCallsAndReportsEachDataKey) {
  auto sealed = encrypt("secret");
  ASSERT_TRUE(sealed) << sealed.error().message();
  ASSERT_EQ(sealed.value().size(), 2U);
  ASSERT_TRUE(sealed.value()[0]);
  EXPECT_FALSE(sealed.value()[1]) << "an item that could not be read stays an error in its place";
  auto opened = decrypt(sealed.value()[0].value().ciphertext);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened.value()[0]);
  EXPECT_EQ(as_text(opened.value()[0].value().plaintext.view()), "secret");
  EXPECT_EQ(confirmations, 2);
  EXPECT_THAT(reports.written, ElementsAre("served", "served"));
  auto used = meter.take_usage();
  ASSERT_EQ(used.size(), 1U);
  EXPECT_EQ(used[0].counts, (keyring::UsageCounts{.encrypts = 1, .decrypts = 1, .leases = 0, .bytes = 6}));
}

TEST_F(DataPlaneTest, ACallerWhoseKeyEndedMeanwhileGetsAndCountsNothing) {
  confirmation_error = Error{ErrorCode::Unauthenticated, "the API key was revoked"};
  EXPECT_THAT(encrypt("secret"), IsError(ErrorCode::Unauthenticated));
  EXPECT_THAT(fixture.run(plane.lease(call())), IsError(ErrorCode::Unauthenticated));
  EXPECT_TRUE(meter.take_usage().empty());
}

TEST_F(DataPlaneTest, ARefusalOfTheCustomersKeyIsTheResultOfTheCall) {
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "the key is disabled", kms::reason::kKeyDisabled};
  EXPECT_THAT(encrypt("secret"), IsError(ErrorCode::KeyDenied));
  EXPECT_THAT(reports.written, ElementsAre(std::string(kms::reason::kKeyDisabled.code)));
}

}  // namespace
}  // namespace latchkey::data
