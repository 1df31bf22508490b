#include "admin/workspace_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"
#include "testing/matchers.hpp"

namespace latchkey::admin {
namespace {

using latchkey::testing::IsErrorThatSays;

struct RulesTest : ::testing::Test {
  testing::RepeatableRandom random;
  ManualClock clock{Timestamp{}};
  store::Workspace row = new_workspace_row(Uuid{}, "Prod", clock, random);

  std::string refusal(const WorkspaceChange& change) {
    auto after = with_change(row, change);
    if (after) return "accepted";
    EXPECT_EQ(after.error().code, ErrorCode::Invalid);
    return after.error().message();
  }
};

TEST_F(RulesTest, DefaultsAreTheContracts) {
  EXPECT_TRUE(parse_id(id_prefix::kWorkspace, row.id));
  EXPECT_EQ(row.workspace_geo, "us");
  EXPECT_EQ(row.allowed_inference_geos, "\"unrestricted\"");
  EXPECT_EQ(row.default_inference_geo, "global");
  EXPECT_FALSE(row.external_key_id);
  EXPECT_FALSE(row.is_default);
  testing::RepeatableRandom same;
  EXPECT_EQ(new_workspace_row(Uuid{}, "x", clock, same).display_color, row.display_color) << "by the random source";
  EXPECT_NE(new_workspace_row(Uuid{}, "x", clock, same).display_color, row.display_color);
}

TEST_F(RulesTest, ColorsMatchThePattern) {
  WorkspaceChange change;
  for (auto good : {"#000000", "#aBcDeF", "#6C5BB9"}) {
    change.display_color = good;
    EXPECT_EQ(with_change(row, change).value().display_color, good);
  }
  for (auto bad : {"", "#", "000000", "#00000", "#0000000", "#00000g", "red", "#00000\n", "##00000"}) {
    change.display_color = bad;
    EXPECT_EQ(refusal(change), "display_color: String should match pattern '^#[0-9A-Fa-f]{6}$'") << bad;
  }
}

TEST_F(RulesTest, InferenceGeos) {
  struct Case {
    std::optional<std::string> allowed, standard;
    std::string_view refusal, stored;
  };
  constexpr std::string_view kShape =
      "data_residency.allowed_inference_geos: Input should be 'unrestricted' or a list of 'global' and 'us'";
  const Case kCases[] = {
      {"\"unrestricted\"", "us", "", "\"unrestricted\""},
      {R"(["global","us","us"])", std::nullopt, "", R"(["global","us"])"},
      {R"(["us"])", "us", "", R"(["us"])"},
      {R"(["us"])", std::nullopt,
       "data_residency.default_inference_geo: 'global' is not in allowed_inference_geos, [\"us\"]; set both together",
       ""},
      {R"(["global"])", "us",
       "data_residency.default_inference_geo: 'us' is not in allowed_inference_geos, [\"global\"]; set both together",
       ""},
      {"[]", std::nullopt, "data_residency.allowed_inference_geos: List should have at least 1 item", ""},
      {R"(["us","eu"])", std::nullopt, "data_residency.allowed_inference_geos.1: Input should be 'global' or 'us'", ""},
      {"[1]", std::nullopt, "data_residency.allowed_inference_geos.0: Input should be 'global' or 'us'", ""},
      {"\"us\"", std::nullopt, kShape, ""},
      {"1", std::nullopt, kShape, ""},
      {std::nullopt, "eu", "data_residency.default_inference_geo: Input should be 'global' or 'us'", ""},
  };
  for (const auto& c : kCases) {
    WorkspaceChange change;
    change.data_residency.allowed_inference_geos = c.allowed;
    change.data_residency.default_inference_geo = c.standard;
    if (c.refusal.empty()) {
      auto after = with_change(row, change);
      ASSERT_TRUE(after) << after.error().message();
      EXPECT_EQ(after.value().allowed_inference_geos, c.stored);
    } else {
      EXPECT_EQ(refusal(change), c.refusal);
    }
  }
  NewWorkspace wanted;
  wanted.name = "x";
  wanted.data_residency.workspace_geo = "eu";
  EXPECT_THAT(with_settings(row, wanted), IsErrorThatSays("data_residency.workspace_geo: Input should be 'us'"));
}

TEST_F(RulesTest, TagsMergeAndNullDeletes) {
  row.tags = {{"env", "prod"}, {"team", "a"}};
  WorkspaceChange change;
  change.tags = {{"env", std::nullopt}, {"team", "b"}, {"new", ""}, {"absent", std::nullopt}};
  auto after = with_change(row, change).value();
  EXPECT_EQ(after.tags, (std::map<std::string, std::string>{{"new", ""}, {"team", "b"}}));
}

TEST_F(RulesTest, TagsHaveBounds) {
  auto tag = [this](const std::string& key, const std::string& value) {
    WorkspaceChange change;
    change.tags[key] = value;
    return refusal(change);
  };
  EXPECT_EQ(tag(std::string(128, 'k'), std::string(256, 'v')), "accepted");
  EXPECT_EQ(tag("", "v"), "tags: Keys should have at least 1 character");
  EXPECT_EQ(tag("anthropic", "v"), "tags.anthropic: Keys may not begin with 'anthropic'");
  EXPECT_EQ(tag("Anthropic_x", "v"), "tags.Anthropic_x: Keys may not begin with 'anthropic'");
  EXPECT_EQ(tag("latchkey:x", "v"), "tags.latchkey:x: Keys may not begin with 'latchkey'");
  EXPECT_EQ(tag(std::string(129, 'k'), "v"),
            "tags." + std::string(64, 'k') + ": Keys should have at most 128 characters");
  EXPECT_EQ(tag("k", std::string(257, 'v')), "tags.k: Values should have at most 256 characters");
  std::string han;
  for (int i = 0; i < 128; ++i) han += "\u6f22";
  EXPECT_EQ(tag(han, han + han), "accepted") << "characters count, not their bytes";
  EXPECT_EQ(tag("k", han + han + "\u6f22"), "tags.k: Values should have at most 256 characters");
  WorkspaceChange many;
  for (int i = 0; i < 51; ++i) many.tags["k" + std::to_string(i)] = "v";
  EXPECT_EQ(refusal(many), "tags: A workspace has at most 50 tags");
  many.tags.erase("k0");
  EXPECT_EQ(refusal(many), "accepted");
}

TEST_F(RulesTest, AnExternalKeyIsForGood) {
  WorkspaceChange change;
  change.external_key_id = "ekey_2";
  EXPECT_EQ(with_change(row, change).value().external_key_id, "ekey_2");
  row.external_key_id = "ekey_2";
  EXPECT_EQ(with_change(row, change).value().external_key_id, "ekey_2");
  row.external_key_id = "ekey_1";
  EXPECT_EQ(refusal(change), "external_key_id: Workspace " + row.id +
                                 " (\"Prod\") uses external key ekey_1, which cannot be replaced. To change the key "
                                 "material, rotate the key in its vault; to use another key, create a new workspace.");
}

TEST_F(RulesTest, ArchivedWorkspacesStayAsTheyAre) {
  row.archived_at = clock.now();
  EXPECT_EQ(refusal({}), "Workspace " + row.id + " (\"Prod\") is archived, which is for good; it cannot be changed.");
}

TEST_F(RulesTest, TheDefaultWorkspaceKeepsItsName) {
  row.is_default = true;
  WorkspaceChange change;
  change.name = "Other";
  EXPECT_EQ(refusal(change),
            "name: The default workspace cannot be renamed; create another workspace for another name");
  change.name = row.name;
  change.display_color = "#000000";
  change.external_key_id = "ekey_1";
  EXPECT_EQ(refusal(change), "accepted");
}

TEST_F(RulesTest, NamesHaveBounds) {
  WorkspaceChange change;
  change.name = "";
  EXPECT_EQ(refusal(change), "name: String should have at least 1 character");
  change.name = std::string(256, 'n');
  EXPECT_EQ(refusal(change), "name: String should have at most 255 characters");
}

TEST_F(RulesTest, UpdatesTellWhatChanged) {
  auto after = row;
  EXPECT_TRUE(describe_update(row, after).empty());
  after.name = "New";
  after.external_key_id = "ekey_1";
  auto updates = describe_update(row, after);
  ASSERT_EQ(updates.size(), 2U);
  EXPECT_EQ(updates[0], (boost::json::value{{"type", "name"}, {"previous_value", "Prod"}, {"current_value", "New"}}));
  EXPECT_EQ(updates[1], (boost::json::value{
                            {"type", "external_key_config_id"}, {"previous_value", ""}, {"current_value", "ekey_1"}}));
}

}  // namespace
}  // namespace latchkey::admin
