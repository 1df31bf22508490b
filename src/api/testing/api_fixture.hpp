// The whole API over the test fixture of admin, called without sockets.
#pragma once

#include "admin/data_keys.hpp"
#include "admin/rewraps.hpp"
#include "admin/suspensions.hpp"
#include "admin/testing/admin_fixture.hpp"
#include "api/api_service.hpp"
#include "api/handlers.hpp"
#include "base/encoding.hpp"
#include "health/health_monitor.hpp"
#include "testing/scripted_client.hpp"
#include "webhooks/deliverer.hpp"
#include "webhooks/endpoints.hpp"

namespace latchkey::api::testing {

using admin::testing::text_of;

struct ApiResponse {
  unsigned status = 0;
  http::Headers headers;
  std::string body;
  boost::json::value json;  // null where the body is none

  // What the JSON pointer names; null where there is nothing.
  [[nodiscard]] const boost::json::value& at(std::string_view pointer) const {
    static const boost::json::value kNothing;
    boost::system::error_code error;
    const auto* found = json.find_pointer(pointer, error);
    return found == nullptr ? kNothing : *found;
  }
  [[nodiscard]] std::string text(std::string_view pointer) const { return text_of(at(pointer)); }
  [[nodiscard]] std::string error_type() const { return text("/error/type"); }
  [[nodiscard]] std::string message() const { return text("/error/message"); }
  [[nodiscard]] std::string code() const { return text("/error/details/error_code"); }
};

class NoSleep final : public kms::Sleeper {
 public:
  Task<void> sleep_for(std::chrono::milliseconds) override { co_return; }
};

class ApiFixture : public admin::testing::AdminFixture {
 public:
  explicit ApiFixture(ApiLimits limits = {}, std::int64_t max_pages = 0)
      : AdminFixture(max_pages),
        compartments(store(), clouds, clock),
        lease_policies(store(), clock, random, {}),
        usage(clock),
        usage_recorder(store(), usage, clock, random),
        health(store(), provider, clouds, clock, random, context.get_executor(), {},
               [this](const std::string& id) { keyring.evict(id); }),
        keyring(store(), provider, clock, random, context.get_executor(), keyring_settings(), &health),
        suspensions(store(), clock, random, health, [this](const std::string& id) { keyring.evict(id); }),
        validating_keys(store(), provider, clouds, clock, random, settings, &health),
        data_keys(
            store(), keyring, [this] { return usage_recorder.flush_row_counts(); }, clock, random),
        rewrapper(store(), provider, clock, context.get_executor(), std::make_shared<NoSleep>(), {},
                  admin::rewrap_hooks(clouds, clock, random)),
        rewraps(store(), provider, clouds, rewrapper, clock, random),
        data_plane(compartments, keyring, usage_recorder, metrics, random),
        webhook_secrets(provider, clock, random),
        webhook_endpoints(store(), webhook_secrets, clock, random, {}),
        webhook_deliverer(store(), receiver, webhook_secrets, clock, random, context.get_executor(), {}),
        service({.credentials = *credentials,
                 .compartments = compartments,
                 .clock = clock,
                 .random = random,
                 .metrics = metrics,
                 .metrics_token = std::make_shared<const crypto::SecretBytes>(as_bytes("scraper"))},
                all_endpoints(limits), limits) {
    admin_key = own.admin_key.secret;
    stranger_key = other.admin_key.secret;
    service_key = make_api_key(store::Role::Service);
    compliance_key = make_api_key(store::Role::Compliance);
  }

  [[nodiscard]] std::vector<std::vector<Endpoint>> all_endpoints(const ApiLimits& limits) {
    return {
        external_key_endpoints({.external_keys = validating_keys, .clouds = clouds}, limits),
        key_health_endpoints({.external_keys = validating_keys, .health = health, .suspensions = suspensions}, limits),
        workspace_endpoints({.workspaces = *workspaces, .lease_policies = lease_policies, .clock = clock}, limits),
        data_key_endpoints({.data_keys = data_keys, .rewraps = rewraps}, limits),
        organization_endpoints({.credentials = *credentials, .lease_policies = lease_policies}, limits),
        activity_endpoints({.activity = *feed}, limits),
        ::latchkey::api::webhook_endpoints({.endpoints = webhook_endpoints, .deliverer = webhook_deliverer}, limits),
        data_plane_endpoints({.data_plane = data_plane, .clock = clock}, limits),
        health_endpoints({.store = store(), .metrics = metrics, .clock = clock})};
  }

  [[nodiscard]] keyring::KeyringSettings keyring_settings() {
    keyring::KeyringSettings of_keyring;
    of_keyring.record_replacement = [this](store::Transaction& tx, const keyring::DataKeyReplaced& replaced) {
      return admin::record_replacement(tx, clock, random, replaced);
    };
    of_keyring.access_check = admin::refuse_if_suspended;
    of_keyring.usage = &usage;
    return of_keyring;
  }

  [[nodiscard]] std::string make_api_key(store::Role role, std::optional<std::string> workspace = std::nullopt) {
    return run(credentials->create_api_key(own.organization.id, role, "test", std::move(workspace))).value().secret;
  }

  [[nodiscard]] static http::Request request(std::string method, std::string_view target, std::string key,
                                             std::string body = "", http::Headers headers = {}) {
    http::Request request;
    request.method = std::move(method);
    auto question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string_view::npos) {
      request.raw_query = target.substr(question + 1);
      request.query = http::parse_query(request.raw_query).value();
    }
    request.headers = std::move(headers);
    if (!key.empty()) request.headers.add("x-api-key", std::move(key));
    request.headers.add("user-agent", "test/1");
    request.client_address = boost::asio::ip::make_address("192.0.2.7");
    request.body = std::move(body);
    return request;
  }

  [[nodiscard]] ApiResponse send(http::Request wanted) { return read(run(service.handle(wanted))); }
  [[nodiscard]] ApiResponse call(std::string method, std::string_view target, std::string key, std::string body = "",
                                 http::Headers headers = {}) {
    return send(request(std::move(method), target, std::move(key), std::move(body), std::move(headers)));
  }
  [[nodiscard]] ApiResponse get(std::string_view target) { return call("GET", target, admin_key); }
  [[nodiscard]] ApiResponse post(std::string_view target, std::string body = "") {
    return call("POST", target, admin_key, std::move(body));
  }

  [[nodiscard]] static ApiResponse read(http::Response sent) {
    ApiResponse response{sent.status, std::move(sent.headers), std::move(sent.body), nullptr};
    if (response.headers.get("content-type") == "application/json") response.json = boost::json::parse(response.body);
    return response;
  }

  // What the server does by itself between requests.
  void settle_health() {
    auto run_once = [](health::HealthMonitor& monitor) -> Task<bool> {
      co_await monitor.run_once();
      co_return true;
    };
    run(run_once(health));
    while (!health.idle()) run(run_once(health));
  }

  // A workspace whose data is under a customer's key.
  [[nodiscard]] store::Workspace make_locked_workspace(std::string name = "Locked") {
    auto workspace = make_workspace(name);
    auto key = make_key(std::move(name));
    return attach(workspace.id, key.row.id).value();
  }

  data::Compartments compartments;
  admin::LeasePolicies lease_policies;
  keyring::UsageMeter usage;
  data::UsageRecorder usage_recorder;
  health::HealthMonitor health;
  keyring::Keyring keyring;
  admin::Suspensions suspensions;
  admin::ExternalKeys validating_keys;
  admin::DataKeys data_keys;
  keyring::Rewrapper rewrapper;
  admin::Rewraps rewraps;
  metrics::ServerMetrics metrics{{}};
  data::DataPlane data_plane;
  kms::testing::ScriptedClient receiver{[](const auto&) { return kms::testing::response(200, ""); }};
  webhooks::SecretKeeper webhook_secrets;
  webhooks::Endpoints webhook_endpoints;
  webhooks::Deliverer webhook_deliverer;
  ApiService service;
  std::string admin_key;
  std::string stranger_key;
  std::string service_key;
  std::string compliance_key;
};

// Checks status, type, code and the whole message of a refusal, and that its request id is the header's.
inline void expect_refused(const ApiResponse& response, unsigned status, std::string_view type,
                           std::string_view message, std::string_view code = "") {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.text("/type"), "error");
  EXPECT_EQ(response.error_type(), type);
  EXPECT_EQ(response.message(), message);
  EXPECT_EQ(response.code(), code);
  EXPECT_EQ(response.text("/request_id"), response.headers.get("request-id"));
  EXPECT_TRUE(parse_id(id_prefix::kRequest, response.headers.get("request-id")));
}

}  // namespace latchkey::api::testing
