// An emulator on free ports with a clock that stands still, and a real client behind its proxy. Test code only.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/mutex.hpp"
#include "base/task.hpp"
#include "clouds/azure/emulator/emulator.hpp"
#include "clouds/azure/emulator/testing/shared_rsa_keys.hpp"
#include "clouds/azure/emulator/text.hpp"
#include "crypto/random.hpp"
#include "http/client.hpp"
#include "testing/test_server.hpp"

namespace latchkey::clouds::azure::emulator::testing {

namespace json = boost::json;

// The platform's app.
constexpr std::string_view kPlatform = "8635ae1a-3e5d-44e8-a4ed-e0f614466f87";

struct Reply {
  unsigned status = 0;
  http::Headers headers;
  std::string body;
  json::value parsed;
  std::string failure;  // of the transport

  // "error.innererror.code"; empty where there is none.
  [[nodiscard]] std::string text(std::string_view path) const {
    const auto* value = at(path);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  [[nodiscard]] const json::value* at(std::string_view path) const {
    const json::value* value = &parsed;
    while (!path.empty()) {
      auto dot = path.find('.');
      if (!value->is_object()) return nullptr;
      value = value->get_object().if_contains(path.substr(0, dot));
      if (value == nullptr) return nullptr;
      path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    }
    return value;
  }
  [[nodiscard]] std::string code() const { return text("error.code"); }
  [[nodiscard]] std::string inner() const { return text("error.innererror.code"); }
  [[nodiscard]] std::string message() const { return text("error.message"); }
  // The first of Entra's error_codes; 0 where there is none.
  [[nodiscard]] std::int64_t aadsts() const {
    const auto* codes = at("error_codes");
    return codes == nullptr ? 0 : codes->get_array().at(0).to_number<std::int64_t>();
  }
};

// A text of `count` pieces.
inline std::string times(std::size_t count, std::string_view piece) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

inline std::string new_folder() {
  auto pattern = ::testing::TempDir() + "latchkey-azure-XXXXXX";
  return ::mkdtemp(pattern.data()) == nullptr ? std::string() : pattern;
}

class AzureTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kVaultApi = "api-version=7.4";

  AzureTest() : clock_(std::chrono::sys_days(std::chrono::year(2026) / 6 / 1)), folder_(new_folder()) {}
  ~AzureTest() override {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void start(SeedOptions seed = {}) {
    options_.data_dir = folder_;
    options_.clock = &clock_;
    options_.random = &random_;
    options_.new_rsa_key = SharedRsaKeys();
    options_.client_address = [this](const http::RequestHead&) {
      MutexLock lock(address_mutex_);
      return address_;
    };
    auto started = Emulator::start(context_.get().get_executor(), options_);
    ASSERT_TRUE(started) << describe(started.error());
    emulator_ = std::move(started.value());
    auto seeded = emulator_->seed(seed);
    ASSERT_TRUE(seeded) << describe(seeded.error());
    cloud_ = seeded.value();
    http::ClientOptions client;
    client.proxy = http::one_proxy(fmt::format("http://127.0.0.1:{}", emulator_->proxy_port()));
    client.ca_file = emulator_->ca_file();
    client.address_policy = http::AddressPolicy::Any;
    proxied_ = make_client(client);
    client.proxy = {};
    direct_ = make_client(client);
  }

  void stop() {
    if (!emulator_) return;
    proxied_.reset();
    direct_.reset();
    boost::asio::co_spawn(context_.get(), emulator_->stop(std::chrono::seconds(2)), boost::asio::use_future).get();
    emulator_.reset();
    for (auto* token : {&vault_token_, &arm_token_, &graph_token_}) token->clear();
  }

  static std::unique_ptr<http::Client> make_client(http::ClientOptions options) {
    auto made = http::make_curl_client(std::move(options));
    EXPECT_TRUE(made) << describe(made.error());
    return made ? std::move(made.value()) : nullptr;
  }

  Reply send(std::string method, std::string url, http::Headers headers = {}, std::string body = {},
             bool directly = false) {
    http::ClientRequest request;
    request.method = std::move(method);
    request.url = std::move(url);
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    auto outcome = run_blocking((directly ? direct_ : proxied_)->send(std::move(request)));
    Reply reply;
    if (!outcome) {
      reply.failure = outcome.error().message;
      failure_ = outcome.error().failure;
      return reply;
    }
    reply.status = outcome.value().status;
    reply.headers = outcome.value().headers;
    reply.body = outcome.value().body;
    boost::system::error_code ignored;
    reply.parsed = json::parse(reply.body, ignored);
    return reply;
  }

  Reply post_form(const std::string& url, const std::vector<std::pair<std::string, std::string>>& fields) {
    std::string body;
    for (const auto& [name, value] : fields) {
      body += (body.empty() ? "" : "&") + name + "=" + percent_encode(value);
    }
    return send("POST", url, {{"content-type", "application/x-www-form-urlencoded"}}, body);
  }

  static std::string token_url(const std::string& tenant) {
    return "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token";
  }

  Reply ask_token(const std::string& resource) {
    return post_form(token_url(cloud_.tenant_id), {{"grant_type", "client_credentials"},
                                                   {"client_id", cloud_.admin_client_id},
                                                   {"client_secret", cloud_.admin_client_secret},
                                                   {"scope", resource + "/.default"}});
  }

  std::string admin_token(const std::string& resource) {
    auto reply = ask_token(resource);
    EXPECT_EQ(reply.status, 200U) << reply.body << reply.failure;
    return reply.text("access_token");
  }

  Reply call(const std::string& method, const std::string& url, const std::string& token,
             const json::value& body = nullptr) {
    http::Headers headers;
    if (!token.empty()) headers.add("authorization", "Bearer " + token);
    if (body.is_null()) return send(method, url, headers);
    headers.add("content-type", "application/json");
    return send(method, url, headers, json::serialize(body));
  }

  Reply arm(const std::string& method, const std::string& path, const json::value& body = nullptr,
            const std::string& version = "2022-07-01") {
    if (arm_token_.empty()) arm_token_ = admin_token("https://management.azure.com/");
    return call(method,
                fmt::format("https://management.azure.com{}{}api-version={}", path,
                            path.find('?') == std::string::npos ? "?" : "&", version),
                arm_token_, body);
  }

  Reply graph(const std::string& method, const std::string& path, const json::value& body = nullptr) {
    if (graph_token_.empty()) graph_token_ = admin_token("https://graph.microsoft.com/");
    return call(method, "https://graph.microsoft.com/v1.0" + path, graph_token_, body);
  }

  // Calls the vault as the admin, unless the test passes another token.
  Reply vault(const std::string& method, const std::string& path, const json::value& body = nullptr,
              std::string token = {}) {
    if (token.empty()) {
      if (vault_token_.empty()) vault_token_ = admin_token("https://vault.azure.net");
      token = vault_token_;
    }
    return call(
        method,
        fmt::format("{}{}{}{}", cloud_.vault_uri, path, path.find('?') == std::string::npos ? "?" : "&", kVaultApi),
        token, body);
  }

  // Makes an application of the customer with a secret and a service principal; returns its token for vaults.
  struct Service {
    std::string app_id;
    std::string secret;
    std::string principal_id;
  };
  Service make_service(const std::string& name) {
    auto app = graph("POST", "/applications", json::object{{"displayName", name}});
    EXPECT_EQ(app.status, 201U) << app.body;
    auto secret = graph("POST", "/applications/" + app.text("id") + "/addPassword", json::object{});
    EXPECT_EQ(secret.status, 200U) << secret.body;
    auto principal = graph("POST", "/servicePrincipals", json::object{{"appId", app.text("appId")}});
    EXPECT_EQ(principal.status, 201U) << principal.body;
    return {app.text("appId"), secret.text("secretText"), principal.text("id")};
  }
  std::string token_of(const Service& service, const std::string& resource) {
    auto reply = post_form(token_url(cloud_.tenant_id), {{"grant_type", "client_credentials"},
                                                         {"client_id", service.app_id},
                                                         {"client_secret", service.secret},
                                                         {"scope", resource + "/.default"}});
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return reply.text("access_token");
  }

  Reply assign_role(const std::string& scope, const std::string& role_id, const std::string& principal_id,
                    const std::string& name) {
    auto definition =
        "/subscriptions/" + cloud_.subscription_id + "/providers/Microsoft.Authorization/roleDefinitions/" + role_id;
    return arm("PUT", scope + "/providers/Microsoft.Authorization/roleAssignments/" + name,
               json::object{{"properties", json::object{{"roleDefinitionId", definition},
                                                        {"principalId", principal_id},
                                                        {"principalType", "ServicePrincipal"}}}},
               "2022-04-01");
  }

  std::vector<json::object> audit_lines() {
    auto reply = send(
        "GET", fmt::format("https://127.0.0.1:{}/_emulator/audit?vault={}", emulator_->tls_port(), cloud_.vault_name),
        {}, {}, true);
    EXPECT_EQ(reply.status, 200U) << reply.body << reply.failure;
    std::vector<json::object> lines;
    std::istringstream in(reply.body);
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line).as_object());
    return lines;
  }

  void set_address(std::string address) {
    MutexLock lock(address_mutex_);
    address_ = std::move(address);
  }

  ManualClock clock_;
  crypto::SystemRandom random_;
  std::string folder_;
  EmulatorOptions options_;
  SeedResult cloud_;
  http::TransportFailure failure_ = http::TransportFailure::BadRequest;
  std::unique_ptr<Emulator> emulator_;
  std::string vault_token_;
  std::string arm_token_;
  std::string graph_token_;

 private:
  Mutex address_mutex_;
  std::string address_ LATCHKEY_GUARDED_BY(address_mutex_) = "203.0.113.9";
  std::unique_ptr<http::Client> proxied_;
  std::unique_ptr<http::Client> direct_;
  http::testing::RunningContext context_;
};

}  // namespace latchkey::clouds::azure::emulator::testing
