// How Graph's lists handle the "$" options.
#include "clouds/azure/emulator/testing/azure_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

class GraphQuery : public AzureTest {
 protected:
  void SetUp() override {
    SeedOptions options;
    options.bare = true;
    start(options);
    for (auto name : {"it's one", "two (2), and", "two"}) services_.push_back(make_service(name));
    auto disabled =
        graph("PATCH", "/servicePrincipals/" + services_[2].principal_id, json::object{{"accountEnabled", false}});
    ASSERT_EQ(disabled.status, 204U) << disabled.body;
  }
  // Sends the header that advanced queries need, unless `advanced` is false.
  Reply ask(const std::string& path, bool advanced = true) {
    if (graph_token_.empty()) graph_token_ = admin_token("https://graph.microsoft.com/");
    http::Headers headers{{"authorization", "Bearer " + graph_token_}};
    if (advanced) headers.add("ConsistencyLevel", "eventual");
    return send("GET", "https://graph.microsoft.com/v1.0" + path, headers);
  }
  // Returns the names, or the code of the refusal.
  static std::string names(const Reply& reply) {
    if (reply.status != 200U) return std::to_string(reply.status) + " " + reply.code();
    std::string all;
    for (const auto& item : reply.at("value")->get_array()) {
      all += (all.empty() ? "" : ";") + std::string(item.at("displayName").as_string());
    }
    return all;
  }
  std::string principals(const std::string& filter) {
    return names(ask("/servicePrincipals?$orderby=displayName&$count=true&$filter=" + percent_encode(filter)));
  }
  std::vector<Service> services_;
};

TEST_F(GraphQuery, EvaluatesWhatGraphDocuments) {
  const auto& one = services_[0];
  const auto& two = services_[1];
  const std::pair<std::string, std::string> cases[] = {
      {"displayName eq 'it''s one'", "it's one"},
      {"displayName eq 'IT''S ONE'", "it's one"},
      {"displayName eq 'two (2), and'", "two (2), and"},
      {"displayName eq 'two' or displayName eq 'it''s one'", "it's one;two"},
      {"displayName in ('two','it''s one')", "it's one;two"},
      {"startswith(displayName,'two')", "two;two (2), and"},
      {"startswith(displayName,'two') and accountEnabled eq true", "two (2), and"},
      {"accountEnabled eq false", "two"},
      {"accountEnabled ne true", "two"},
      {"not (accountEnabled eq true)", "two"},
      {"startswith(displayName,'two') and not(displayName eq 'two')", "two (2), and"},
      {"(displayName eq 'two' or displayName eq 'it''s one') and accountEnabled eq true", "it's one"},
      {"appId in ('" + one.app_id + "', '" + upper(two.app_id) + "')", "it's one;two (2), and"},
      {"servicePrincipalNames/any(c:c eq '" + one.app_id + "')", "it's one"},
      {"servicePrincipalNames/any(n:n eq '" + one.app_id + "' or n eq '" + two.app_id + "')", "it's one;two (2), and"},
      {"id eq '" + one.principal_id + "'", "it's one"},
      {"id eq 'nobody'", ""},
      {"appOwnerOrganizationId eq " + cloud_.tenant_id + " and accountEnabled eq false", "two"},
      {"startswith(displayName,'two') and homepage eq null", "two;two (2), and"},
      {"startswith(displayName,'two') and createdDateTime ge 2026-06-01T00:00:00Z", "two;two (2), and"},
      {"createdDateTime lt 2026-06-01", ""},
      {"tags/any(t:t eq 'x')", ""},
  };
  for (const auto& [filter, wanted] : cases) EXPECT_EQ(principals(filter), wanted) << filter;
}

TEST_F(GraphQuery, RefusesWhatItDoesNotUnderstandAndNeverListsNothing) {
  const std::string bad = "400 BadRequest";
  const std::string unsupported = "400 Request_UnsupportedQuery";
  const std::pair<const char*, std::string> cases[] = {
      {"shoeSize eq 'x'", bad},
      {"displayName eq 'it's one'", bad},
      {"displayName eq 'two", bad},
      {"displayName eq two", bad},
      {"displayName eq 'two' , accountEnabled eq true", bad},
      {"accountEnabled eq 'true'", bad},
      {"displayName eq", bad},
      {"displayName has 'x'", bad},
      {"atScope()", bad},
      {"tolower(displayName) eq 'two'", bad},
      {"contains(displayName,'two')", unsupported},
      {"endsWith(displayName,'two')", unsupported},
      {"notes eq 'x'", unsupported},
      {"servicePrincipalNames eq 'x'", unsupported},
      {"passwordCredentials/any(p:p eq 'x')", unsupported},
      {"accountEnabled eq null", unsupported},
      {"id gt 'x'", unsupported},
  };
  for (const auto& [filter, wanted] : cases) EXPECT_EQ(principals(filter), wanted) << filter;
  std::string many = "displayName eq 'a'";
  for (int i = 0; i < 14; ++i) many += " or displayName eq 'a'";
  EXPECT_EQ(principals(many), "");
  many += " or displayName eq 'a'";
  auto reply = ask("/servicePrincipals?$filter=" + percent_encode(many));
  EXPECT_EQ(reply.code(), "Request_UnsupportedQuery");
  EXPECT_EQ(reply.message(),
            "Too many child clauses specified in search filter expression containing 'OR' operators: 16. Max allowed: "
            "15.");
  EXPECT_EQ(ask("/servicePrincipals?$filter=displayName%20xx%20'a'").message(),
            "Invalid filter clause: Syntax error at position 12 in 'displayName xx 'a''.");
  EXPECT_EQ(ask("/applications?$filter=shoeSize%20eq%20'a'").message(),
            "Invalid filter clause: Could not find a property named 'shoeSize' on type 'microsoft.graph.application'.");
  EXPECT_EQ(
      ask("/servicePrincipals?$filter=notes%20eq%20'a'").message(),
      "Unsupported or invalid query filter clause specified for property 'notes' of resource 'ServicePrincipal'.");
}

TEST_F(GraphQuery, AsksForTheHeaderOfAdvancedQueries) {
  const std::string unsupported = "400 Request_UnsupportedQuery";
  for (auto [path, operation] : {std::pair("/servicePrincipals?$filter=displayName%20ne%20'x'", "NotEqualsMatch"),
                                 std::pair("/servicePrincipals?$filter=not(displayName%20eq%20'x')", "Not")}) {
    for (const auto& reply : {ask(path), ask(std::string(path) + "&$count=true", false)}) {
      EXPECT_EQ(names(reply), unsupported) << path;
      EXPECT_TRUE(reply.message().starts_with(fmt::format("Operator '{}' is not supported because", operation)));
    }
    EXPECT_EQ(ask(std::string(path) + "&$count=true").status, 200U);
  }
  EXPECT_EQ(names(ask("/servicePrincipals?$filter=startswith(displayName,'t')&$orderby=displayName", false)),
            unsupported);
  EXPECT_EQ(ask("/servicePrincipals?$orderby=displayName", false).status, 200U);
  auto counted = ask("/servicePrincipals?$filter=startswith(displayName,'two')&$count=true&$top=1");
  EXPECT_EQ(counted.at("@odata.count"), nullptr) << "the test's reader takes dots for steps";
  EXPECT_EQ(counted.parsed.at("@odata.count").to_number<int>(), 2) << counted.body;
  auto plain = ask("/servicePrincipals?$filter=startswith(displayName,'two')&$count=true", false);
  EXPECT_EQ(plain.status, 200U);
  EXPECT_FALSE(plain.parsed.as_object().contains("@odata.count")) << "as Graph does without the header";
  auto count = ask("/servicePrincipals/$count?$filter=startswith(displayName,'two')");
  EXPECT_EQ(count.body, "2");
  EXPECT_EQ(count.headers.get("content-type"), "text/plain");
  EXPECT_EQ(names(ask("/applications/$count", false)), "400 Request_BadRequest");
}

TEST_F(GraphQuery, SortsSelectsAndTurnsPages) {
  EXPECT_EQ(names(ask("/applications?$filter=startswith(displayName,'t')&$orderby=displayName%20desc&$count=true")),
            "two (2), and;two");
  auto first = ask("/servicePrincipals?$top=1&$orderby=displayName&$filter=startswith(displayName,'two')&$count=true");
  EXPECT_EQ(names(first), "two");
  std::string link(first.parsed.at("@odata.nextLink").as_string());
  auto second = ask(link.substr(link.find("/v1.0") + 5));
  EXPECT_EQ(names(second), "two (2), and") << link;
  EXPECT_FALSE(second.parsed.as_object().contains("@odata.nextLink"));
  EXPECT_EQ(names(ask("/servicePrincipals?$skiptoken=AAAA")), "400 Directory_ExpiredPageToken");

  auto selected = ask("/servicePrincipals?$select=displayName,%20appid,notes&$filter=displayName%20eq%20'two'");
  EXPECT_EQ(json::serialize(selected.at("value")->at(0)),
            fmt::format(R"({{"displayName":"two","appId":"{}","notes":null}})", services_[2].app_id));
  EXPECT_TRUE(
      selected.parsed.at("@odata.context").as_string().ends_with("#servicePrincipals(displayName,appId,notes)"));
  auto one = ask("/servicePrincipals/" + services_[2].principal_id + "?$select=id");
  EXPECT_EQ(one.body, fmt::format(R"({{"id":"{}"}})", services_[2].principal_id));
  EXPECT_EQ(ask("/servicePrincipals?$select=*&$top=1").status, 200U);

  const std::string bad = "400 BadRequest";
  const std::string unsupported = "400 Request_UnsupportedQuery";
  for (const auto& [options, wanted] :
       std::vector<std::pair<std::string, std::string>>{{"$select=shoeSize", bad},
                                                        {"$orderby=appId", unsupported},
                                                        {"$orderby=shoeSize", unsupported},
                                                        {"$orderby=displayName%20up", unsupported},
                                                        {"$top=0", unsupported},
                                                        {"$top=1000", unsupported},
                                                        {"$top=ten", unsupported},
                                                        {"$count=maybe", bad},
                                                        {"$skip=1", bad},
                                                        {"$expand=owners", bad},
                                                        {"$format=xml", bad},
                                                        {"$search=%22displayName:two%22", unsupported},
                                                        {"$top=1&$top=2", bad},
                                                        {"$top=1&top=2", bad}}) {
    EXPECT_EQ(names(ask("/servicePrincipals?" + options)), wanted) << options;
  }
  EXPECT_EQ(names(ask("/applications?filter=displayName%20eq%20'two'")), "two") << "the dollar may be left out";
  EXPECT_EQ(ask("/applications?client-request-id=x&other=1").status, 200U);
  EXPECT_EQ(names(ask("/servicePrincipals/" + services_[2].principal_id + "?$filter=id%20eq%20'x'")), bad);
}

TEST_F(GraphQuery, HoldsForEveryCollection) {
  auto app = graph("GET", fmt::format("/applications(appId='{}')", services_[0].app_id)).text("id");
  auto federated = "/applications/" + app + "/federatedIdentityCredentials";
  for (auto name : {"a", "b"}) {
    ASSERT_EQ(graph("POST", federated,
                    json::object{{"name", name},
                                 {"issuer", "https://i.example"},
                                 {"subject", name},
                                 {"audiences", {"api://AzureADTokenExchange"}}})
                  .status,
              201U);
  }
  EXPECT_EQ(ask(federated + "?$filter=name%20eq%20'b'").at("value")->get_array().size(), 1U);
  EXPECT_EQ(ask(federated + "?$filter=subject%20eq%20'c'").at("value")->get_array().size(), 0U);
  EXPECT_EQ(ask(federated + "?$filter=shoeSize%20eq%20'b'").status, 400U);
  EXPECT_EQ(ask("/organization?$select=id").at("value")->at(0).as_object().size(), 1U);
  EXPECT_EQ(ask("/organization?$filter=shoeSize%20eq%20'b'").status, 400U);

  auto by_ids = [&](const json::value& types) {
    json::object body{{"ids", {services_[0].principal_id}}};
    if (!types.is_null()) body["types"] = types;
    auto reply = graph("POST", "/directoryObjects/getByIds", body);
    return reply.status == 200U ? static_cast<int>(reply.at("value")->get_array().size()) : -1;
  };
  EXPECT_EQ(by_ids(nullptr), 1);
  EXPECT_EQ(by_ids(json::array()), 1);
  EXPECT_EQ(by_ids({"user", "ServicePrincipal"}), 1);
  EXPECT_EQ(by_ids({"user"}), 0);
  EXPECT_EQ(by_ids("user"), -1);
}

TEST_F(GraphQuery, NamesAreCountedInCharacters) {
  const std::string han = "\u6f22";
  auto make = [&](const std::string& name) {
    return graph("POST", "/applications", json::object{{"displayName", name}});
  };
  auto made = make(times(256, han));
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(made.text("displayName"), times(256, han));
  EXPECT_EQ(make(times(257, han)).status, 400U);
  EXPECT_EQ(make(times(129, "\U0001F511")).status, 400U) << "of UTF-16's units, as .NET counts";
  auto path = "/applications/" + made.text("id");
  auto secret = graph("POST", path + "/addPassword",
                      json::object{{"passwordCredential", json::object{{"displayName", times(200, han)}}}});
  EXPECT_EQ(secret.text("displayName"), times(200, han));
  auto federate = [&](const std::string& name, const std::string& subject) {
    return graph("POST", path + "/federatedIdentityCredentials",
                 json::object{{"name", name},
                              {"issuer", "https://i.example"},
                              {"subject", subject},
                              {"audiences", {"api://AzureADTokenExchange"}}})
        .status;
  };
  EXPECT_EQ(federate(times(120, han), times(600, han)), 201U);
  EXPECT_EQ(federate(times(121, han), "s"), 400U);
  EXPECT_EQ(federate("n", times(601, han)), 400U);
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
