// Two organisations' worth of everything that the API has, and a key of every kind that there is, for tests of who may
// do what.
#pragma once

#include <map>

#include "api/testing/api_fixture.hpp"

namespace latchkey::api::testing {

enum class Who {
  Admin,
  Service,
  Compliance,
  Workspace,         // a key of the workspace that is asked for
  SiblingWorkspace,  // of another one in the same organisation
  ForeignAdmin,
  ForeignService,
  ForeignCompliance,
  ForeignWorkspace,
  NoKey,
  MadeUpKey,
  DamagedKey,
  RevokedAdmin,
  RevokedService,
  RevokedCompliance,
  RevokedWorkspace,
  ArchivedWorkspace,  // whose keys went with it
  Scraper,
};

inline std::string name_of(Who who) {
  constexpr std::string_view kNames[] = {"admin",
                                         "service",
                                         "compliance",
                                         "workspace",
                                         "sibling workspace",
                                         "foreign admin",
                                         "foreign service",
                                         "foreign compliance",
                                         "foreign workspace",
                                         "no key",
                                         "made-up key",
                                         "damaged key",
                                         "revoked admin",
                                         "revoked service",
                                         "revoked compliance",
                                         "revoked workspace",
                                         "archived workspace",
                                         "scraper"};
  return std::string(kNames[static_cast<std::size_t>(who)]);
}

// What an organisation of the test has: one of everything.
struct Estate {
  Uuid organization;
  std::map<Who, std::string> keys;
  std::map<std::string, std::string> ids;  // by the name of the path's parameter
  std::string sibling;                     // another workspace
  std::string sibling_data_key;
  std::string archived;
  std::string unattached;  // an external key that no workspace uses
  std::string ciphertext;
};

inline constexpr auto kOnePlaintext = R"({"plaintext":"aGVsbG8="})";

// By the calls of its own admin. `name` is in all names, and in no other estate's.
inline Estate furnish(ApiFixture& fixture, const admin::OrganizationCreated& organization, const std::string& name) {
  Estate estate;
  estate.organization = organization.organization.id;
  auto& keys = estate.keys;
  keys[Who::Admin] = organization.admin_key.secret;
  auto post = [&](const std::string& path, const std::string& body = "", Who who = Who::Admin) {
    auto response = fixture.call("POST", path, keys.at(who), body);
    EXPECT_EQ(response.status, 200U) << path << response.body;
    return response;
  };
  auto new_key = [&](store::Role role, std::optional<std::string> workspace = std::nullopt) {
    return fixture.run(fixture.credentials->create_api_key(estate.organization, role, name, std::move(workspace)))
        .value();
  };
  auto revoked = [&](store::Role role, std::optional<std::string> workspace = std::nullopt) {
    auto key = new_key(role, std::move(workspace));
    EXPECT_TRUE(fixture.run(fixture.credentials->revoke_api_key(estate.organization, key.row.id)));
    return key.secret;
  };
  keys[Who::Service] = new_key(store::Role::Service).secret;
  keys[Who::Compliance] = new_key(store::Role::Compliance).secret;
  auto external_key = [&](const std::string& called) {
    return post("/v1/organizations/external_keys", R"({"display_name":"Key of )" + name + R"(","provider_config":{
        "type":"memory","service":"contoso","name":")" +
                                                       called + "\"}}")
        .text("/id");
  };
  auto key = external_key(name);
  estate.unattached = external_key(name + "-spare");
  auto workspace = [&](const std::string& called) {
    return post("/v1/organizations/workspaces", R"({"name":")" + called + R"(","external_key_id":")" + key + "\"}")
        .text("/id");
  };
  estate.ids["external_key_id"] = key;
  estate.ids["workspace_id"] = workspace("Workspace of " + name);
  estate.sibling = workspace("Sibling");
  estate.archived = workspace("Archived");
  keys[Who::Workspace] = new_key(store::Role::Workspace, estate.ids["workspace_id"]).secret;
  keys[Who::SiblingWorkspace] = new_key(store::Role::Workspace, estate.sibling).secret;
  keys[Who::ArchivedWorkspace] = new_key(store::Role::Workspace, estate.archived).secret;
  keys[Who::RevokedAdmin] = revoked(store::Role::Admin);
  keys[Who::RevokedService] = revoked(store::Role::Service);
  keys[Who::RevokedCompliance] = revoked(store::Role::Compliance);
  keys[Who::RevokedWorkspace] = revoked(store::Role::Workspace, estate.ids["workspace_id"]);
  auto sealed_in = [&](const std::string& id) {
    return post("/v1/workspaces/" + id + "/encrypt", kOnePlaintext, Who::Service);
  };
  (void)sealed_in(estate.archived);
  auto sealed = sealed_in(estate.ids["workspace_id"]);
  estate.ids["data_key_id"] = sealed.text("/data_key_id");
  estate.ciphertext = sealed.text("/ciphertext");
  estate.sibling_data_key = sealed_in(estate.sibling).text("/data_key_id");
  (void)post("/v1/organizations/workspaces/" + estate.archived + "/archive");
  estate.ids["webhook_id"] =
      post("/v1/organizations/webhooks", R"({"url":"https://example.com/)" + name + "\"}").text("/id");
  fixture.settle_health();
  return estate;
}

}  // namespace latchkey::api::testing
