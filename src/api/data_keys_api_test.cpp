// The life of data keys over the API: listed, replaced, rewrapped, shredded.
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"
#include "kms/reasons.hpp"

namespace latchkey::api {
namespace {

using namespace std::chrono_literals;
using testing::ApiResponse;
using testing::expect_refused;

constexpr std::string_view kWorkspaces = "/v1/organizations/workspaces/";

struct DataKeysApiTest : ::testing::Test {
  testing::ApiFixture fixture;
  store::Workspace home = fixture.make_locked_workspace("Home");

  ApiResponse encrypt(const std::string& workspace) {
    return fixture.call("POST", "/v1/workspaces/" + workspace + "/encrypt", fixture.service_key,
                        R"({"plaintext":"aGVsbG8="})");
  }
  ApiResponse decrypt(const std::string& workspace, const std::string& ciphertext) {
    return fixture.call("POST", "/v1/workspaces/" + workspace + "/decrypt", fixture.service_key,
                        R"({"ciphertext":")" + ciphertext + R"("})");
  }
  ApiResponse list(std::string_view query = "") {
    return fixture.get(std::string(kWorkspaces) + home.id + "/data_keys" + std::string(query));
  }
  std::size_t count() { return list().at("/data").as_array().size(); }
  // Once the background has done what there is to do.
  std::size_t count_settled() {
    fixture.settle();
    return count();
  }
  void archive() { ASSERT_EQ(fixture.post(std::string(kWorkspaces) + home.id + "/archive").status, 200U); }
  ApiResponse shred(std::string_view name) {
    return fixture.post(std::string(kWorkspaces) + home.id + "/shred", R"({"name":")" + std::string(name) + R"("})");
  }
};

TEST_F(DataKeysApiTest, ListsWithoutMaterial) {
  auto sealed = encrypt(home.id);
  ASSERT_EQ(sealed.status, 200U) << sealed.body;
  ASSERT_TRUE(fixture.run(fixture.usage_recorder.flush_row_counts()));
  auto response = list();
  ASSERT_EQ(response.status, 200U) << response.body;
  auto used_at = format_timestamp(fixture.clock.now());
  EXPECT_EQ(response.json, (boost::json::value{{"data",
                                                {{{"id", sealed.text("/data_key_id")},
                                                  {"type", "data_key"},
                                                  {"state", "active"},
                                                  {"external_key_id", *home.external_key_id},
                                                  {"key_version", "version-1"},
                                                  {"created_at", used_at},
                                                  {"last_used_at", used_at},
                                                  {"retired_at", nullptr},
                                                  {"rewrapped_at", nullptr},
                                                  {"destroyed_at", nullptr},
                                                  {"records", 1},
                                                  {"bytes", 5}}}},
                                               {"next_page", nullptr}}));
}

TEST_F(DataKeysApiTest, IsTheAdminsOwnAlone) {
  auto path = std::string(kWorkspaces) + home.id + "/data_keys";
  EXPECT_EQ(fixture.call("GET", path, fixture.service_key).status, 403U);
  EXPECT_EQ(fixture.call("GET", path, fixture.compliance_key).status, 403U);
  EXPECT_EQ(fixture.call("GET", path, fixture.stranger_key).status, 404U);
  EXPECT_EQ(
      fixture.call("POST", std::string(kWorkspaces) + home.id + "/shred", fixture.service_key, R"({"name":"Home"})")
          .status,
      403U);
  EXPECT_EQ(
      fixture.call("POST", std::string(kWorkspaces) + home.id + "/shred", fixture.stranger_key, R"({"name":"Home"})")
          .status,
      404U);
  EXPECT_EQ(list("?limit=0").status, 400U);
  EXPECT_EQ(list("?page=x").status, 400U);
}

TEST_F(DataKeysApiTest, AnOldKeyIsReplacedAndGoesOnToDecrypt) {
  auto first = encrypt(home.id);
  fixture.clock.advance(24h * 30 - 1s);
  EXPECT_EQ(encrypt(home.id).text("/data_key_id"), first.text("/data_key_id"));
  EXPECT_EQ(count(), 1U);
  fixture.clock.advance(61s);
  fixture.provider.description.key_version = "version-2";
  auto meanwhile = encrypt(home.id);
  EXPECT_EQ(meanwhile.text("/data_key_id"), first.text("/data_key_id")) << "nobody waits for the new one";
  ASSERT_EQ(count_settled(), 2U);
  auto second = encrypt(home.id);
  EXPECT_NE(second.text("/data_key_id"), first.text("/data_key_id"));
  auto page = list("?limit=1");
  EXPECT_EQ(page.text("/data/0/id"), second.text("/data_key_id"));
  EXPECT_EQ(page.text("/data/0/state"), "active");
  EXPECT_EQ(page.text("/data/0/key_version"), "version-2");
  auto rest = list("?limit=1&page=" + page.text("/next_page"));
  EXPECT_EQ(rest.text("/data/0/id"), first.text("/data_key_id"));
  EXPECT_EQ(rest.text("/data/0/state"), "retired");
  EXPECT_TRUE(rest.at("/next_page").is_null());
  EXPECT_EQ(decrypt(home.id, first.text("/ciphertext")).status, 200U);
  EXPECT_EQ(decrypt(home.id, second.text("/ciphertext")).status, 200U);

  auto activity = fixture.last_activity("platform_workspace_data_key_rotated");
  using admin::testing::text_of;
  EXPECT_EQ(text_of(activity.at("workspace_id")), home.id);
  EXPECT_EQ(text_of(activity.at("data_key_id")), second.text("/data_key_id"));
  EXPECT_EQ(text_of(activity.at("previous_data_key_id")), first.text("/data_key_id"));
  EXPECT_EQ(text_of(activity.at("cause")), "age");
}

TEST_F(DataKeysApiTest, AMuchUsedKeyIsReplacedWithinSoft) {
  auto first = encrypt(home.id);
  auto id = parse_id(id_prefix::kDataKey, first.text("/data_key_id")).value();
  auto use = [id, at = fixture.clock.now()](store::Transaction& tx) {
    return tx.add_data_key_use({{id, (std::int64_t{1} << 32) - 2, 0}}, at);
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(use)));
  EXPECT_EQ(encrypt(home.id).status, 200U);
  EXPECT_EQ(count(), 1U);
  fixture.clock.advance(61s);
  EXPECT_EQ(encrypt(home.id).status, 200U);
  ASSERT_EQ(count_settled(), 2U);
  EXPECT_EQ(admin::testing::text_of(fixture.last_activity("platform_workspace_data_key_rotated").at("cause")),
            "records");
}

TEST_F(DataKeysApiTest, WhereItCannotBeReplacedTheOldOneServesOn) {
  auto first = encrypt(home.id);
  fixture.clock.advance(24h * 31);
  // The old one is unwrapped; the new one cannot be wrapped.
  fixture.provider.interruption = [&]() -> Task<void> {
    fixture.provider.interruption = [&]() -> Task<void> {
      fixture.provider.failure = Error{ErrorCode::KeyUnreachable, "no answer", kms::reason::kTimedOut};
      co_return;
    };
    co_return;
  };
  auto second = encrypt(home.id);
  EXPECT_EQ(second.status, 200U) << second.body;
  // To its end: the pause until the next try begins with it, and the clock leaps below.
  EXPECT_EQ(count_settled(), 1U);
  ASSERT_TRUE(fixture.provider.failure);
  EXPECT_EQ(encrypt(home.id).text("/data_key_id"), first.text("/data_key_id"));
  fixture.provider.failure.reset();
  fixture.clock.advance(61s);
  EXPECT_EQ(encrypt(home.id).text("/data_key_id"), first.text("/data_key_id"));
  EXPECT_EQ(count_settled(), 2U);
}

TEST_F(DataKeysApiTest, ANewVersionOfTheKeyWrapsNewDataKeys) {
  encrypt(home.id);
  fixture.provider.description.key_version = "version-2";
  auto away = fixture.make_workspace("Away");
  ASSERT_TRUE(fixture.attach(away.id, *home.external_key_id));
  ASSERT_EQ(encrypt(away.id).status, 200U);
  auto listed = fixture.get(std::string(kWorkspaces) + away.id + "/data_keys");
  EXPECT_EQ(listed.text("/data/0/key_version"), "version-2");
  EXPECT_EQ(list().text("/data/0/key_version"), "version-1");
}

TEST_F(DataKeysApiTest, RewrapsOverTheApi) {
  auto sealed = encrypt(home.id);
  fixture.provider.description.key_version = "version-2";
  auto path = "/v1/organizations/external_keys/" + *home.external_key_id + "/rewrap";
  EXPECT_EQ(fixture.get(path).status, 404U);
  auto begun = fixture.post(path);
  ASSERT_EQ(begun.status, 200U) << begun.body;
  EXPECT_EQ(begun.text("/type"), "external_key_rewrap");
  EXPECT_EQ(begun.text("/status"), "running");
  fixture.settle();
  auto now = fixture.get(path);
  EXPECT_EQ(now.text("/status"), "completed");
  EXPECT_EQ(now.text("/target_version"), "version-2");
  EXPECT_EQ(now.at("/data_keys"), (boost::json::value{{"total", 1}, {"done", 1}, {"remaining", 0}}));
  EXPECT_TRUE(now.at("/error").is_null());
  fixture.provider.disabled_versions = {"version-1"};
  fixture.clock.advance(61s);
  EXPECT_EQ(decrypt(home.id, sealed.text("/ciphertext")).status, 200U);
  fixture.clock.advance(2h);
  EXPECT_EQ(decrypt(home.id, sealed.text("/ciphertext")).status, 200U);
  EXPECT_EQ(fixture.post(path + "/pause").text("/status"), "completed");
  EXPECT_EQ(fixture.call("POST", path, fixture.stranger_key).status, 404U);
}

TEST_F(DataKeysApiTest, ArchivingStopsEncryptionAlone) {
  auto sealed = encrypt(home.id);
  archive();
  EXPECT_EQ(encrypt(home.id).status, 400U);
  EXPECT_EQ(decrypt(home.id, sealed.text("/ciphertext")).status, 200U);
}

TEST_F(DataKeysApiTest, ShreddingIsForGood) {
  auto away = fixture.make_locked_workspace("Away");
  auto elsewhere = encrypt(away.id);
  auto sealed = encrypt(home.id);
  ASSERT_EQ(decrypt(home.id, sealed.text("/ciphertext")).status, 200U);
  expect_refused(shred("Home"), 400, "invalid_request_error",
                 "Workspace " + home.id + " is in use. Archive it first: shredding is for what nobody needs any more.",
                 "workspace_not_archived");
  archive();
  expect_refused(shred("home"), 400, "invalid_request_error",
                 "name: That is not the name of workspace " + home.id +
                     ", and nothing was destroyed. Look at what it is before you send its name.",
                 "workspace_name_mismatch");
  EXPECT_EQ(fixture.post(std::string(kWorkspaces) + home.id + "/shred").status, 400U);
  ASSERT_EQ(decrypt(home.id, sealed.text("/ciphertext")).status, 200U);

  auto shredded = shred("Home");
  ASSERT_EQ(shredded.status, 200U) << shredded.body;
  boost::json::value expected{
      {"id", home.id}, {"type", "workspace_shredded"}, {"data_keys", 1}, {"records", 1}, {"bytes", 5}};
  EXPECT_EQ(shredded.json, expected);
  // At once, though a lease was held.
  auto gone = decrypt(home.id, sealed.text("/ciphertext"));
  EXPECT_EQ(gone.status, 400U);
  EXPECT_EQ(gone.code(), "data_key_destroyed");
  auto unwrapped =
      fixture.call("POST", "/v1/workspaces/" + home.id + "/data_keys/" + sealed.text("/data_key_id") + "/unwrap",
                   fixture.service_key);
  EXPECT_EQ(unwrapped.code(), "data_key_destroyed");
  EXPECT_EQ(decrypt(away.id, elsewhere.text("/ciphertext")).status, 200U);
  auto listed = list();
  EXPECT_EQ(listed.text("/data/0/state"), "destroyed");
  EXPECT_EQ(listed.text("/data/0/destroyed_at"), format_timestamp(fixture.clock.now()));

  EXPECT_EQ(shred("Home").json, expected) << "again";
  auto types = fixture.activity_types();
  EXPECT_EQ(std::ranges::count(types, "platform_workspace_shredded"), 1);
  auto activity = fixture.last_activity("platform_workspace_shredded");
  EXPECT_EQ(activity.at("data_keys"), 1);
  EXPECT_EQ(activity.at("records"), 1);
}

TEST_F(DataKeysApiTest, AnUnwrapThatWasUnderWayBringsNothingBack) {
  auto sealed = encrypt(home.id);
  archive();
  fixture.keyring.evict(*home.external_key_id);
  std::optional<ApiResponse> shredded;
  fixture.provider.interruption = [&]() -> Task<void> {
    auto done = co_await fixture.data_keys.shred(fixture.admin(), home.id, "Home");
    EXPECT_TRUE(done);
  };
  EXPECT_EQ(decrypt(home.id, sealed.text("/ciphertext")).code(), "data_key_destroyed");
  EXPECT_EQ(fixture.keyring.size(), 0U);
  EXPECT_EQ(decrypt(home.id, sealed.text("/ciphertext")).code(), "data_key_destroyed");
}

TEST_F(DataKeysApiTest, AFirstDataKeyThatWasUnderWayIsNotMade) {
  fixture.provider.interruption = [&]() -> Task<void> {
    auto archived = co_await fixture.workspaces->archive(fixture.admin(), home.id);
    EXPECT_TRUE(archived);
  };
  EXPECT_EQ(encrypt(home.id).status, 400U);
  EXPECT_EQ(count(), 0U);
}

TEST_F(DataKeysApiTest, AnyNumberOfDataKeysIsShreddedInSteps) {
  constexpr int kMore = 1'050;
  ASSERT_EQ(encrypt(home.id).status, 200U);
  auto more = [this](store::Transaction& tx) -> Result<void> {
    for (int number = 0; number < kMore; ++number) {
      LATCHKEY_TRY(auto active, tx.find_active_data_key(home.compartment, home.external_key_id));
      auto next = *active;
      next.id = {static_cast<std::uint8_t>(0xf0 + number / 256), static_cast<std::uint8_t>(number % 256)};
      next.created_at += std::chrono::microseconds(1);
      next.records = 0;
      next.bytes = 0;
      LATCHKEY_TRYV(tx.replace_active_data_key(active->id, next));
    }
    return success();
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(more)));
  archive();
  auto shredded = shred("Home");
  ASSERT_EQ(shredded.status, 200U) << shredded.body;
  EXPECT_EQ(shredded.json.at("data_keys"), kMore + 1);
  EXPECT_EQ(shredded.json.at("records"), 1);
  EXPECT_EQ(shred("Home").json, shredded.json) << "again";
  auto types = fixture.activity_types();
  EXPECT_EQ(std::ranges::count(types, "platform_workspace_shredded"), 1);
  auto undestroyed = [this](store::Transaction& tx) { return tx.destroy_data_keys(home.compartment, {}, 1); };
  EXPECT_TRUE(fixture.run(fixture.store().write(undestroyed)).value().empty());
}

}  // namespace
}  // namespace latchkey::api
