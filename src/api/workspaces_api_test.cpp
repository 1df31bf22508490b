#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"
#include "kms/reasons.hpp"

namespace latchkey::api {
namespace {

using testing::expect_refused;

constexpr auto kWorkspaces = "/v1/organizations/workspaces";

struct WorkspacesApiTest : ::testing::Test {
  testing::ApiFixture fixture;

  static std::string one(const std::string& id) { return std::string(kWorkspaces) + "/" + id; }
  static std::string attach_body(const std::string& id) { return R"({"external_key_id":")" + id + "\"}"; }
  void refused(std::string_view target, std::string body, std::string_view message, std::string_view code = "") {
    expect_refused(fixture.post(target, std::move(body)), 400, "invalid_request_error", message, code);
  }
};

TEST_F(WorkspacesApiTest, CreateShowsTheWholeObject) {
  auto response = fixture.post(kWorkspaces, R"({"name":"Prod","display_color":"#6C5BB9","tags":{"env":"prod"},
      "data_residency":null,"external_key_id":null,"user_profile_id":null})");
  ASSERT_EQ(response.status, 200U) << response.body;
  auto id = response.text("/id");
  auto compartment = response.text("/compartment_id");
  EXPECT_TRUE(parse_id(id_prefix::kWorkspace, id));
  EXPECT_TRUE(parse_uuid(compartment));
  EXPECT_EQ(
      response.json,
      (boost::json::value{
          {"id", id},
          {"type", "workspace"},
          {"name", "Prod"},
          {"created_at", "2026-08-10T08:09:11.000000Z"},
          {"archived_at", nullptr},
          {"compartment_id", compartment},
          {"display_color", "#6C5BB9"},
          {"external_key_id", nullptr},
          {"data_residency",
           {{"workspace_geo", "us"}, {"allowed_inference_geos", "unrestricted"}, {"default_inference_geo", "global"}}},
          {"tags", {{"env", "prod"}}},
          {"user_profile_id", nullptr}}));
  EXPECT_EQ(fixture.get(one(id)).json, response.json);
  auto archived = fixture.post(one(id) + "/archive");
  EXPECT_EQ(archived.text("/archived_at"), "2026-08-10T08:09:11.000000Z");
}

TEST_F(WorkspacesApiTest, DataResidencyIsReadAndShown) {
  auto response = fixture.post(kWorkspaces, R"({"name":"n","data_residency":{"workspace_geo":"us",
      "allowed_inference_geos":["us"],"default_inference_geo":"us"}})");
  ASSERT_EQ(response.status, 200U) << response.body;
  EXPECT_EQ(response.at("/data_residency/allowed_inference_geos"), boost::json::array({"us"}));
  auto id = response.text("/id");
  refused(one(id), R"({"data_residency":{"workspace_geo":"us"}})",
          "data_residency.workspace_geo: Extra inputs are not permitted");
  refused(
      one(id), R"({"data_residency":{"default_inference_geo":"global"}})",
      "data_residency.default_inference_geo: 'global' is not in allowed_inference_geos, [\"us\"]; set both together");
  EXPECT_EQ(fixture
                .post(one(id), R"({"data_residency":{"allowed_inference_geos":"unrestricted",
      "default_inference_geo":null}})")
                .text("/data_residency/allowed_inference_geos"),
            "unrestricted");
}

TEST_F(WorkspacesApiTest, MalformedBodiesAreRefused) {
  refused(kWorkspaces, "{}", "name: Field required");
  refused(kWorkspaces, R"({"name":null})", "name: Input should be a valid string");
  refused(kWorkspaces, R"({"name":""})", "name: String should have at least 1 character");
  refused(kWorkspaces, R"({"name":"n","x":1})", "x: Extra inputs are not permitted");
  refused(kWorkspaces, R"({"name":"n","tags":[]})", "tags: Input should be an object");
  refused(kWorkspaces, R"({"name":"n","tags":{"a":null}})", "tags.a: Input should be a valid string");
  refused(kWorkspaces, R"({"name":"n","tags":{"a":1}})", "tags.a: Input should be a valid string");
  refused(kWorkspaces, R"({"name":"n","tags":{"anthropic_x":"1"}})",
          "tags.anthropic_x: Keys may not begin with 'anthropic'");
  refused(kWorkspaces, R"({"name":"n","display_color":"red"})",
          "display_color: String should match pattern '^#[0-9A-Fa-f]{6}$'");
  refused(kWorkspaces, R"({"name":"n","data_residency":[]})", "data_residency: Input should be an object");
  refused(kWorkspaces, R"({"name":"n","data_residency":{"workspace_geo":"eu"}})",
          "data_residency.workspace_geo: Input should be 'us'");
  refused(kWorkspaces, R"({"name":"n","user_profile_id":"u"})",
          "user_profile_id: User profiles are not supported by this server. Leave the field out.");
  auto id = fixture.make_workspace().id;
  refused(one(id), R"({"external_key_id":null})", "external_key_id: Input should be a valid string");
  refused(one(id), R"({"name":null})", "name: Input should be a valid string");
  refused(one(id), R"({"compartment_id":"x"})", "compartment_id: Extra inputs are not permitted");
  refused(one(id), R"({"user_profile_id":"u"})",
          "user_profile_id: User profiles are not supported by this server. Leave the field out.");
  EXPECT_EQ(fixture.post(one(id), R"({"user_profile_id":null,"tags":null,"data_residency":null})").status, 200U);
  refused(one(id) + "/archive", R"({"x":1})", "x: Extra inputs are not permitted");
}

TEST_F(WorkspacesApiTest, TagsMergeAndNullDeletes) {
  auto id = fixture.make_workspace().id;
  (void)fixture.post(one(id), R"({"tags":{"a":"1","b":"2"}})");
  auto response = fixture.post(one(id), R"({"tags":{"a":null,"c":"3"}})");
  EXPECT_EQ(response.at("/tags"), (boost::json::value{{"b", "2"}, {"c", "3"}}));
}

TEST_F(WorkspacesApiTest, OtherOrganizationsWorkspacesAreNotThere) {
  auto id = fixture.other.default_workspace.id;
  auto message = "There is no workspace " + id + " in this organization.";
  expect_refused(fixture.get(one(id)), 404, "not_found_error", message);
  expect_refused(fixture.post(one(id), "{}"), 404, "not_found_error", message);
  expect_refused(fixture.post(one(id) + "/archive"), 404, "not_found_error", message);
  auto key = fixture.run(fixture.keys->create(fixture.stranger(), testing::ApiFixture::new_key())).value().row.id;
  expect_refused(fixture.post(one(fixture.make_workspace().id), attach_body(key)), 404, "not_found_error",
                 "There is no external key " + key + " in this organization.");
}

TEST_F(WorkspacesApiTest, PagesByIds) {
  std::vector<std::string> made;
  for (int i = 0; i < 3; ++i) made.insert(made.begin(), fixture.make_workspace("w").id);
  auto list = std::string(kWorkspaces);
  auto first = fixture.get(list + "?limit=2");
  ASSERT_EQ(first.status, 200U) << first.body;
  EXPECT_EQ(first.at("/data").as_array().size(), 2U);
  EXPECT_EQ(first.at("/has_more"), true);
  EXPECT_EQ(first.text("/first_id"), made[0]);
  EXPECT_EQ(first.text("/last_id"), made[1]);
  EXPECT_FALSE(first.json.as_object().contains("next_page"));
  auto second = fixture.get(list + "?limit=2&after_id=" + made[1]);
  EXPECT_EQ(second.text("/first_id"), made[2]);
  EXPECT_EQ(second.at("/has_more"), false);
  auto back = fixture.get(list + "?limit=1&before_id=" + made[2]);
  EXPECT_EQ(back.text("/data/0/id"), made[1]) << "the page just before";
  EXPECT_EQ(back.at("/has_more"), true);
  auto none = fixture.get(list + "?after_id=" + made[2]);
  EXPECT_TRUE(none.at("/data").as_array().empty());
  EXPECT_TRUE(none.at("/first_id").is_null());
  EXPECT_TRUE(none.at("/last_id").is_null());

  EXPECT_EQ(fixture.get(list + "?ids[]=" + made[2] + "&ids[]=" + made[0] + "&ids[]=wrkspc_none")
                .at("/data")
                .as_array()
                .size(),
            2U);
  EXPECT_EQ(fixture.get(list + "?include_default=true").at("/data").as_array().size(), 4U);
  EXPECT_EQ(fixture.get(list + "?limit=1001").message(), "limit: must be between 1 and 1000, inclusive. Got 1001.");
  EXPECT_EQ(fixture.get(list + "?include_archived=1").message(),
            "include_archived: Input should be 'true' or 'false'. Got \"1\".");
  EXPECT_EQ(fixture.get(list + "?after_id=" + made[0] + "&before_id=" + made[1]).status, 400U);
  EXPECT_EQ(fixture.get(list + "?after_id=nonsense").status, 400U);
  EXPECT_EQ(fixture.get(list + "?after_id=nonsense").error_type(), "invalid_request_error");
  std::string many = list + "?ids[]=x";
  for (int i = 0; i < 100; ++i) many += "&ids[]=x";
  EXPECT_EQ(fixture.get(many).message(), "ids: List should have at most 100 items");
}

TEST_F(WorkspacesApiTest, AttachIsForGood) {
  auto id = fixture.make_workspace("Prod").id;
  auto key = fixture.make_key().row.id;
  auto attached = fixture.post(one(id), attach_body(key));
  ASSERT_EQ(attached.status, 200U) << attached.body;
  EXPECT_EQ(attached.text("/external_key_id"), key);
  // Other servers that have not heard of it, requests under way, and leases under the platform's own key, may go on
  // until then.
  auto until = fixture.clock.now() + store::kTrustedFor + ApiLimits().request_timeout + keyring::LeaseAges().soft;
  EXPECT_EQ(attached.headers.get("latchkey-holds-from"), format_timestamp(until));
  EXPECT_FALSE(fixture.post(one(id), R"({"name":"Prod"})").headers.has("latchkey-holds-from"));
  auto calls = fixture.provider.calls();
  EXPECT_EQ(fixture.post(one(id), attach_body(key)).status, 200U);
  EXPECT_EQ(fixture.provider.calls(), calls);
  refused(
      one(id), attach_body(fixture.make_key("other").row.id),
      "external_key_id: Workspace " + id + " (\"Prod\") uses external key " + key +
          ", which cannot be replaced. To change the key material, rotate the key in its vault; to use another key, "
          "create a new workspace.");
  ASSERT_EQ(fixture.post(one(id) + "/archive").status, 200U);
  refused(one(id), attach_body(key),
          "Workspace " + id + " (\"Prod\") is archived, which is for good; it cannot be changed.");
}

TEST_F(WorkspacesApiTest, AKeyThatFailsIsNotAttached) {
  auto id = fixture.make_workspace().id;
  auto key = fixture.make_key().row.id;
  auto failed = "External key " + key + " was not attached, for it failed validation: ";
  struct Case {
    Error failure;
    std::string message;
    std::string_view code;
  };
  const Case kCases[] = {
      {{ErrorCode::KeyDenied, "The key is disabled.", kms::reason::kKeyDisabled},
       failed + "The key is disabled.",
       "external_key_validation_failed"},
      {{ErrorCode::NetworkBlocked, "The firewall refuses us."},
       failed + "The firewall refuses us.",
       "external_key_validation_failed"},
      {{ErrorCode::KeyUnreachable, "The vault answers 503."},
       failed + "The vault answers 503.",
       "external_key_validation_failed"},
      {{ErrorCode::Corrupt, "Not that key's."}, failed + "Not that key's.", "external_key_validation_failed"},
      {{ErrorCode::KeyUnreachable, "No response.", kms::reason::kTimedOut},
       "External key " + key + " was not attached, for its validation did not finish in time: No response.",
       "external_key_validation_timed_out"},
  };
  for (const auto& c : kCases) {
    fixture.provider.failure = c.failure;
    refused(one(id), attach_body(key), c.message, c.code);
    refused(kWorkspaces, R"({"name":"n",)" + attach_body(key).substr(1), c.message, c.code);
  }
  EXPECT_EQ(fixture.get(kWorkspaces).at("/data").as_array().size(), 1U);
  EXPECT_TRUE(fixture.get(one(id)).at("/external_key_id").is_null());
}

TEST_F(WorkspacesApiTest, AKeyEditedDuringTheAttachIsAConflict) {
  auto id = fixture.make_workspace().id;
  auto key = fixture.make_key().row.id;
  fixture.provider.interruption = [this, key]() -> Task<void> {
    auto request = testing::ApiFixture::request("POST", "/v1/organizations/external_keys/" + key, fixture.admin_key,
                                                R"({"provider_config":{"type":"memory","service":"evil","name":"k"}})");
    auto response = co_await fixture.service.handle(request);
    EXPECT_EQ(response.status, 200U) << response.body;
  };
  expect_refused(fixture.post(one(id), attach_body(key)), 409, "conflict_error",
                 "External key " + key +
                     " was changed while it was being validated, and was not attached. Send the request again.",
                 "external_key_changed");
}

TEST_F(WorkspacesApiTest, OfTwoAttachesAtOnceOneWins) {
  auto id = fixture.make_workspace("Prod").id;
  auto first = fixture.make_key("first").row.id;
  auto second = fixture.make_key("second").row.id;
  fixture.provider.interruption = [this, id, second]() -> Task<void> {
    auto request = testing::ApiFixture::request("POST", one(id), fixture.admin_key, attach_body(second));
    auto response = co_await fixture.service.handle(request);
    EXPECT_EQ(response.status, 200U) << response.body;
  };
  refused(
      one(id), attach_body(first),
      "external_key_id: Workspace " + id + " (\"Prod\") uses external key " + second +
          ", which cannot be replaced. To change the key material, rotate the key in its vault; to use another key, "
          "create a new workspace.");
  EXPECT_EQ(fixture.get(one(id)).text("/external_key_id"), second);
}

TEST_F(WorkspacesApiTest, DeleteRacingAttachLeavesOneOfTheTwo) {
  auto id = fixture.make_workspace().id;
  auto key = fixture.make_key().row.id;
  auto target = "/v1/organizations/external_keys/" + key;
  fixture.provider.interruption = [this, target]() -> Task<void> {
    auto request = testing::ApiFixture::request("DELETE", target, fixture.admin_key);
    auto response = co_await fixture.service.handle(request);
    EXPECT_EQ(response.status, 200U) << response.body;
  };
  expect_refused(fixture.post(one(id), attach_body(key)), 404, "not_found_error",
                 "There is no external key " + key + " in this organization.");
  EXPECT_TRUE(fixture.get(one(id)).at("/external_key_id").is_null());
}

}  // namespace
}  // namespace latchkey::api
