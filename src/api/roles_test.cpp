// Who may do what: every role at every route, taken from the list of routes itself, so that none can be forgotten; and
// somebody else's ids, which get the responses of ids that nobody has.
#include <map>
#include <set>

#include <boost/algorithm/string/replace.hpp>
#include <gmock/gmock.h>

#include "api/endpoint.hpp"
#include "api/testing/estate.hpp"

namespace latchkey::api {
namespace {

using testing::ApiFixture;
using testing::ApiResponse;
using testing::Estate;
using testing::kOnePlaintext;
using testing::Who;

enum class Outcome { Allowed, Unauthenticated, Forbidden, NotFound, Other };

Outcome outcome_of(unsigned status) {
  if (status == 200) return Outcome::Allowed;
  if (status == 401) return Outcome::Unauthenticated;
  if (status == 403) return Outcome::Forbidden;
  if (status == 404) return Outcome::NotFound;
  return Outcome::Other;
}

// By the role alone, for one who is known.
bool role_fits(Access access, Who who) {
  bool admin = who == Who::Admin || who == Who::ForeignAdmin;
  bool compliance = who == Who::Compliance || who == Who::ForeignCompliance;
  switch (access) {
    case Access::Public:
      return true;
    case Access::Metrics:
      return who == Who::Scraper;
    case Access::Admin:
      return admin;
    case Access::Activity:
      return admin || compliance;
    case Access::Data:
      return !admin && !compliance;
  }
  return false;
}

// Whether what the path names, where it names anything, is there for them.
bool sees(Access access, Who who) {
  bool foreign = who == Who::ForeignAdmin || who == Who::ForeignService || who == Who::ForeignCompliance ||
                 who == Who::ForeignWorkspace;
  return !foreign && !(access == Access::Data && who == Who::SiblingWorkspace);
}

Outcome expected(Access access, Who who, bool names_something) {
  if (access == Access::Public) return Outcome::Allowed;
  if (access == Access::Metrics) return who == Who::Scraper ? Outcome::Allowed : Outcome::Unauthenticated;
  if (who >= Who::NoKey) return Outcome::Unauthenticated;
  if (!role_fits(access, who)) return Outcome::Forbidden;
  return names_something && !sees(access, who) ? Outcome::NotFound : Outcome::Allowed;
}

// What a route needs to respond with 200 to a caller that may call it. {names} in a body are the estate's.
struct Need {
  std::string body;
  std::string before;     // a POST of the admin that goes first
  bool of_spare = false;  // of the archived workspace, and the external key that nobody uses
};

constexpr auto kOneCiphertext = R"({"ciphertext":"{ciphertext}"})";
constexpr auto kRewrap = "/v1/organizations/external_keys/{external_key_id}/rewrap";

// A route that is not here fails the tests: give it its line.
const std::map<std::string, Need>& needs() {
  static const std::map<std::string, Need> kNeeds = {
      {"POST /v1/organizations/external_keys",
       {R"({"display_name":"Another","provider_config":{"type":"memory","service":"contoso","name":"another"}})", "",
        false}},
      {"GET /v1/organizations/external_keys", {}},
      {"GET /v1/organizations/external_keys/{external_key_id}", {}},
      {"POST /v1/organizations/external_keys/{external_key_id}", {R"({"display_name":"Renamed"})", "", false}},
      {"DELETE /v1/organizations/external_keys/{external_key_id}", {"", "", true}},
      {"POST /v1/organizations/external_keys/{external_key_id}/validate", {}},
      {"GET /v1/organizations/external_key_health", {}},
      {"GET /v1/organizations/external_keys/{external_key_id}/health", {}},
      {"POST /v1/organizations/external_keys/{external_key_id}/suspend", {}},
      {"POST /v1/organizations/external_keys/{external_key_id}/resume", {}},
      {"POST /v1/organizations/external_keys/{external_key_id}/rewrap", {}},
      {"GET /v1/organizations/external_keys/{external_key_id}/rewrap", {"", kRewrap, false}},
      {"POST /v1/organizations/external_keys/{external_key_id}/rewrap/pause", {"", kRewrap, false}},
      {"POST /v1/organizations/workspaces", {R"({"name":"Another"})", "", false}},
      {"GET /v1/organizations/workspaces", {}},
      {"GET /v1/organizations/workspaces/{workspace_id}", {}},
      {"POST /v1/organizations/workspaces/{workspace_id}", {R"({"name":"Renamed"})", "", false}},
      {"POST /v1/organizations/workspaces/{workspace_id}/archive", {}},
      {"GET /v1/organizations/workspaces/{workspace_id}/data_keys", {}},
      {"POST /v1/organizations/workspaces/{workspace_id}/shred", {R"({"name":"Archived"})", "", true}},
      {"GET /v1/organizations/me", {}},
      {"GET /v1/organizations/me/leases", {}},
      {"POST /v1/organizations/me/leases", {R"({"soft_seconds":30,"hard_seconds":60})", "", false}},
      {"DELETE /v1/organizations/me/leases", {}},
      {"GET /v1/compliance/activities", {}},
      {"POST /v1/organizations/webhooks", {R"({"url":"https://example.com/more"})", "", false}},
      {"GET /v1/organizations/webhooks", {}},
      {"GET /v1/organizations/webhooks/{webhook_id}", {}},
      {"POST /v1/organizations/webhooks/{webhook_id}", {R"({"description":"renamed"})", "", false}},
      {"DELETE /v1/organizations/webhooks/{webhook_id}", {}},
      {"POST /v1/organizations/webhooks/{webhook_id}/rotate_secret", {}},
      {"POST /v1/organizations/webhooks/{webhook_id}/test", {}},
      {"GET /v1/organizations/webhooks/{webhook_id}/deliveries", {}},
      {"POST /v1/workspaces/{workspace_id}/encrypt", {kOnePlaintext, "", false}},
      {"POST /v1/workspaces/{workspace_id}/decrypt", {kOneCiphertext, "", false}},
      {"POST /v1/workspaces/{workspace_id}/encrypt_batch", {R"({"items":[{"plaintext":"aGVsbG8="}]})", "", false}},
      {"POST /v1/workspaces/{workspace_id}/decrypt_batch", {R"({"items":[{"ciphertext":"{ciphertext}"}]})", "", false}},
      {"POST /v1/workspaces/{workspace_id}/data_keys", {}},
      {"POST /v1/workspaces/{workspace_id}/data_keys/{data_key_id}/unwrap", {}},
      {"GET /v1/workspaces/{workspace_id}/data_keys/{data_key_id}/lease", {}},
      {"GET /healthz", {}},
      {"GET /readyz", {}},
      {"GET /metrics", {}},
  };
  return kNeeds;
}

std::string name_of(const Endpoint& endpoint) {
  return endpoint.method + " " + endpoint.pattern;
}

std::vector<std::string> parameters_of(const std::string& pattern) {
  std::vector<std::string> names;
  for (auto begin = pattern.find('{'); begin != std::string::npos; begin = pattern.find('{', begin + 1)) {
    names.push_back(pattern.substr(begin + 1, pattern.find('}', begin) - begin - 1));
  }
  return names;
}

std::string filled(std::string pattern, const std::map<std::string, std::string>& ids) {
  for (const auto& [name, id] : ids) boost::replace_all(pattern, "{" + name + "}", id);
  EXPECT_EQ(pattern.find("_id}"), std::string::npos) << "what is it of the estate? " << pattern;
  return pattern;
}

// All of a response that may not depend on whose id it was.
std::string without(const ApiResponse& response, const std::string& id) {
  auto shown = std::to_string(response.status) + "\n" + response.body;
  for (const auto& [name, value] : response.headers) {
    // How many requests are left depends on how many there were.
    if (!name.starts_with("anthropic-ratelimit-")) shown.append("\n").append(name).append(": ").append(value);
  }
  boost::replace_all(shown, id, "<id>");
  boost::replace_all(shown, response.headers.get("request-id"), "<request>");
  return shown;
}

struct Scene {
  ApiFixture fixture;
  Estate ours = testing::furnish(fixture, fixture.own, "ours");
  Estate theirs = testing::furnish(fixture, fixture.other, "theirs");

  Scene() {
    for (auto [foreign, at_home] :
         {std::pair{Who::ForeignAdmin, Who::Admin}, std::pair{Who::ForeignService, Who::Service},
          std::pair{Who::ForeignCompliance, Who::Compliance}, std::pair{Who::ForeignWorkspace, Who::Workspace}}) {
      ours.keys[foreign] = theirs.keys.at(at_home);
    }
    auto damaged = ours.keys.at(Who::Service);
    damaged.back() = damaged.back() == 'A' ? 'E' : 'A';
    ours.keys[Who::NoKey] = "";
    ours.keys[Who::MadeUpKey] = "sk-ant-api03-made-up";
    ours.keys[Who::DamagedKey] = damaged;
    ours.keys[Who::Scraper] = "scraper";
  }

  // What calls left running (a rewrap) ends before what it uses does.
  ~Scene() { fixture.settle(); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  using Ids = std::map<std::string, std::string>;
  // Of the organisation `ours`, unless the route wants the archived workspace or `changed` says otherwise.
  [[nodiscard]] Ids ids_for(const Need& need, const Ids& changed = {}) const {
    auto ids = ours.ids;
    if (need.of_spare) {
      ids["workspace_id"] = ours.archived;
      ids["external_key_id"] = ours.unattached;
    }
    for (const auto& [name, id] : changed) ids[name] = id;
    return ids;
  }
  [[nodiscard]] std::string nobodys(const std::string& parameter) {
    if (parameter == "workspace_id") return make_id(id_prefix::kWorkspace, fixture.random);
    if (parameter == "external_key_id") return make_id(id_prefix::kExternalKey, fixture.random);
    if (parameter == "data_key_id") return make_id(id_prefix::kDataKey, fixture.random);
    if (parameter == "webhook_id") return make_id(id_prefix::kWebhookEndpoint, fixture.random);
    ADD_FAILURE() << "which ids are those of " << parameter << "?";
    return "";
  }
  // What there is for others, and not for this one.
  [[nodiscard]] std::vector<std::string> not_for(Who who, const std::string& parameter) const {
    std::vector<std::string> ids{theirs.ids.at(parameter)};
    if (parameter == "workspace_id") ids.insert(ids.end(), {theirs.sibling, theirs.archived});
    if (parameter == "data_key_id") ids.push_back(ours.sibling_data_key);
    if (parameter == "workspace_id" && who == Who::Workspace) ids.insert(ids.end(), {ours.sibling, ours.archived});
    return ids;
  }
  ApiResponse call(const Endpoint& endpoint, const Need& need, const std::string& key, const Ids& ids) {
    auto body = boost::replace_all_copy(need.body, "{ciphertext}", ours.ciphertext);
    if (endpoint.access == Access::Metrics) {
      return fixture.call(endpoint.method, endpoint.pattern, "", "", {{"authorization", "Bearer " + key}});
    }
    return fixture.call(endpoint.method, filled(endpoint.pattern, ids), key, body);
  }
  void prepare(const Need& need, const Ids& ids) {
    if (need.before.empty()) return;
    auto response = fixture.call("POST", filled(need.before, ids), ours.keys.at(Who::Admin));
    EXPECT_EQ(response.status, 200U) << response.body;
    fixture.settle();
  }
  // What a refusal may not change.
  [[nodiscard]] std::size_t traces() {
    auto feed = [&](const Estate& estate) {
      auto page = fixture.call("GET", "/v1/compliance/activities?limit=5000", estate.keys.at(Who::Admin));
      return page.at("/data").as_array().size();
    };
    return feed(ours) + feed(theirs) + static_cast<std::size_t>(fixture.provider.calls()) +
           fixture.receiver.requests().size();
  }
  // Nothing of ours but what the request itself names.
  void expect_nothing_of_ours(const ApiResponse& response, const std::string& target) const {
    auto shown = response.body;
    for (const auto& [name, value] : response.headers) shown.append("\n").append(value);
    std::vector<std::string> ours_alone{format_uuid(ours.organization), "ours", ours.sibling, ours.archived};
    for (const auto& [name, id] : ours.ids) ours_alone.push_back(id);
    for (const auto& word : ours_alone) {
      if (target.find(word) != std::string::npos) continue;
      EXPECT_THAT(shown, ::testing::Not(::testing::HasSubstr(word))) << target;
    }
  }
};

// Calls `check` with each route and a scene of its own.
void for_each_route(const std::function<void(Scene&, const Endpoint&, const Need&)>& check) {
  auto routes = Scene().fixture.service.endpoints().size();
  for (std::size_t i = 0; i < routes; ++i) {
    Scene scene;
    const auto& endpoint = scene.fixture.service.endpoints()[i];
    SCOPED_TRACE(name_of(endpoint));
    auto need = needs().find(name_of(endpoint));
    ASSERT_NE(need, needs().end()) << "a new route? Give it its line in needs()";
    check(scene, endpoint, need->second);
  }
}

TEST(Roles, EveryRouteIsKnownHere) {
  Scene scene;
  std::set<std::string> routes;
  for (const auto& endpoint : scene.fixture.service.endpoints()) {
    routes.insert(name_of(endpoint));
    EXPECT_TRUE(needs().contains(name_of(endpoint))) << "a new route? Give it its line: " << name_of(endpoint);
    EXPECT_EQ(endpoint.access == Access::Data, endpoint.pattern.starts_with("/v1/workspaces/")) << endpoint.pattern;
  }
  for (const auto& [route, need] : needs()) EXPECT_TRUE(routes.contains(route)) << "there is no such route: " << route;
}

// Those who are refused first, and without a trace; then those who are not.
TEST(Roles, EveryRoleStaysInItsPlaceAtEveryRoute) {
  for_each_route([](Scene& scene, const Endpoint& endpoint, const Need& need) {
    bool names_something = !parameters_of(endpoint.pattern).empty();
    auto ids = scene.ids_for(need);
    auto play = [&](bool allowed) {
      for (const auto& [who, key] : scene.ours.keys) {
        auto wanted = expected(endpoint.access, who, names_something);
        if ((wanted == Outcome::Allowed) != allowed) continue;
        if (allowed) scene.prepare(need, ids);
        auto response = scene.call(endpoint, need, key, ids);
        EXPECT_EQ(outcome_of(response.status), wanted)
            << name_of(who) << ": " << response.status << " " << response.body;
        if (who >= Who::ForeignAdmin) scene.expect_nothing_of_ours(response, filled(endpoint.pattern, ids));
      }
    };
    auto before = scene.traces();
    play(false);
    EXPECT_EQ(scene.traces(), before) << "a refusal left its trace";
    play(true);
  });
}

// Where a path names something of somebody else's, the response is that to what nobody has: the same status, headers
// and body.
TEST(Roles, SomebodyElsesIdsAreNobodys) {
  for_each_route([](Scene& scene, const Endpoint& endpoint, const Need& need) {
    auto before = scene.traces();
    for (const auto& parameter : parameters_of(endpoint.pattern)) {
      for (auto who : {Who::Admin, Who::Service, Who::Compliance, Who::Workspace}) {
        if (!role_fits(endpoint.access, who)) continue;
        SCOPED_TRACE(parameter + " for " + name_of(who));
        auto ask = [&](const std::string& id) {
          auto response = scene.call(endpoint, need, scene.ours.keys.at(who), scene.ids_for(need, {{parameter, id}}));
          EXPECT_EQ(outcome_of(response.status), Outcome::NotFound) << response.body;
          return without(response, id);
        };
        auto nobodys = ask(scene.nobodys(parameter));
        for (const auto& id : scene.not_for(who, parameter)) EXPECT_EQ(ask(id), nobodys) << id;
      }
    }
    EXPECT_EQ(scene.traces(), before) << "a refusal left its trace";
  });
}

// Ids in queries and bodies.
TEST(Roles, SomebodyElsesIdsAreNobodysOutsideOfPathsToo) {
  Scene scene;
  auto& [fixture, ours, theirs] = scene;
  auto record = base64_decode(theirs.ciphertext).value();
  auto lost_key = make_raw_id(fixture.random);
  auto named = record;
  std::ranges::copy(lost_key, named.begin() + 4);
  auto feed = fixture.call("GET", "/v1/compliance/activities?limit=1", theirs.keys.at(Who::Admin));
  auto page =
      fixture.call("GET", "/v1/organizations/workspaces/" + theirs.ids.at("workspace_id") + "/data_keys?limit=1",
                   theirs.keys.at(Who::Admin));
  struct Case {
    std::string method, target, body;
    Who who;
    std::string theirs, nobodys;
  };
  auto key = theirs.ids.at("external_key_id");
  auto no_key = scene.nobodys("external_key_id");
  auto workspace = theirs.ids.at("workspace_id");
  auto no_workspace = scene.nobodys("workspace_id");
  auto no_activity = make_id(id_prefix::kActivity, fixture.random);
  std::string workspaces = "/v1/organizations/workspaces";
  std::string activities = "/v1/compliance/activities";
  const Case kCases[] = {
      {"POST", workspaces, R"({"name":"n","external_key_id":"{id}"})", Who::Admin, key, no_key},
      {"POST", workspaces + "/" + ours.ids.at("workspace_id"), R"({"external_key_id":"{id}"})", Who::Admin, key,
       no_key},
      {"GET", workspaces + "?ids[]={id}", "", Who::Admin, workspace, no_workspace},
      {"GET", workspaces + "?after_id={id}", "", Who::Admin, workspace, no_workspace},
      {"GET", workspaces + "?before_id={id}", "", Who::Admin, workspace, no_workspace},
      {"GET", activities + "?after_id={id}", "", Who::Compliance, feed.text("/first_id"), no_activity},
      {"GET", activities + "?before_id={id}", "", Who::Compliance, feed.text("/first_id"), no_activity},
      {"GET", activities + "?organization_ids[]={id}", "", Who::Compliance, format_uuid(theirs.organization),
       format_uuid(make_uuid(fixture.random))},
      {"GET", activities + "?actor_ids[]={id}", "", Who::Compliance, fixture.other.admin_key.row.id,
       make_id(id_prefix::kApiKey, fixture.random)},
      {"POST", "/v1/workspaces/" + ours.ids.at("workspace_id") + "/decrypt", R"({"ciphertext":"{id}"})", Who::Service,
       theirs.ciphertext, base64_encode(named)},
      {"POST", "/v1/workspaces/" + ours.ids.at("workspace_id") + "/decrypt_batch",
       R"({"items":[{"ciphertext":"{id}"}]})", Who::Workspace, theirs.ciphertext, base64_encode(named)},
  };
  for (const auto& c : kCases) {
    auto ask = [&](const std::string& id) {
      auto response = fixture.call(c.method, boost::replace_all_copy(c.target, "{id}", id), ours.keys.at(c.who),
                                   boost::replace_all_copy(c.body, "{id}", id));
      EXPECT_THAT(response.body, ::testing::Not(::testing::HasSubstr("theirs")));
      auto shown = without(response, id);
      boost::replace_all(shown, theirs.ids.at("data_key_id"), "<id>");
      boost::replace_all(shown, format_id(id_prefix::kDataKey, lost_key), "<id>");
      return shown;
    };
    EXPECT_EQ(ask(c.theirs), ask(c.nobodys)) << c.method << " " << c.target << " " << c.body;
  }
}

}  // namespace
}  // namespace latchkey::api
