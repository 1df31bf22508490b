// A server that knows a third cloud, end to end: nothing of src/ knows of it but by the list of clouds that the server
// is started with.
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "crypto/random.hpp"
#include "example_cloud.hpp"
#include "http/client.hpp"
#include "server/clouds.hpp"
#include "server/server_runtime.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::extend {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr auto kTimeout = 30s;
constexpr auto kPlace = "example:north/orders";
constexpr auto kOrders =
    R"({"display_name":"Orders","provider_config":{"type":"example","region":"North","key":"orders"}})";

struct Response {
  unsigned status = 0;
  json::value body;

  [[nodiscard]] std::string text(std::string_view pointer) const {
    boost::system::error_code absent;
    const auto* found = body.find_pointer(pointer, absent);
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
  }
};

class ExtendTest : public ::testing::Test {
 protected:
  ExtendTest() {
    spdlog::set_level(spdlog::level::off);
    auto known = server::clouds();
    known.push_back(&cloud_);
    auto config = server::default_server_config(known);
    config.port = 0;
    config.database = folder_.file("latchkey.db");
    config.root_key_file = folder_.file("root.key");
    config.organization_binding = kms::OrganizationBinding::Off;
    // A refusal is noticed after a second at most, and a test may ask as often as it can.
    server::apply_overrides(config, {{"example.region", "north"},
                                     {"keyring.soft", "1s"},
                                     {"limits.reads_per_key", "1000000"},
                                     {"limits.reads_per_organization", "1000000"},
                                     {"outbound.proxy", ""},
                                     {"webhooks.proxy", ""}})
        .value();
    runtime_ = server::ServerRuntime::start(config, threads_, clock_, random_).value();
    runner_ = std::thread([this] { threads_.run(); });
    http::ClientOptions to_itself;
    to_itself.address_policy = http::AddressPolicy::Any;
    client_ = http::make_curl_client(std::move(to_itself)).value();
  }
  ~ExtendTest() override {
    run(runtime_->stop());
    threads_.stop();
    runner_.join();
    runtime_.reset();
  }

  // On the server's own threads, while this one waits.
  void run(Task<void> task) { boost::asio::co_spawn(threads_.first(), std::move(task), boost::asio::use_future).get(); }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    auto keep = [](Task<T> inner, std::optional<T>& out) -> Task<void> { out.emplace(co_await std::move(inner)); };
    run(keep(std::move(task), value));
    return std::move(*value);
  }
  // Calls are its own from then on.
  void become(const std::string& name) {
    auto made = run(runtime_->credentials().create_organization(name, std::nullopt)).value();
    organization_ = format_uuid(made.organization.id);
    admin_key_ = made.admin_key.secret;
    auto service =
        run(runtime_->credentials().create_api_key(made.organization.id, store::Role::Service, name, std::nullopt));
    service_key_ = service.value().secret;
  }
  Response call(const std::string& method, const std::string& path, const std::string& api_key,
                const std::string& body = "") {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(runtime_->port()) + path;
    request.headers.add("x-api-key", api_key);
    request.headers.add("content-type", "application/json");
    request.body = body;
    request.deadline = clock_.steady() + kTimeout;
    auto sent = run(client_->send(std::move(request)));
    if (!sent) throw std::runtime_error(sent.error().message);
    boost::system::error_code no_json;
    return {sent.value().status, json::parse(sent.value().body, no_json)};
  }
  Response get(const std::string& path) { return call("GET", path, admin_key_); }
  Response post(const std::string& path, const std::string& body = "") { return call("POST", path, admin_key_, body); }
  // What comes to pass by the server's own background work.
  template <class Condition>
  bool comes_to_pass(Condition holds) {
    auto until = clock_.steady() + kTimeout;
    while (clock_.steady() < until) {
      if (holds()) return true;
    }
    return false;
  }

  std::string register_key(const std::string& body = kOrders) { return post(kKeys, body).text("/id"); }
  Response attach(const std::string& key) {
    return post("/v1/organizations/workspaces", R"({"name":"Orders","external_key_id":")" + key + "\"}");
  }
  Response encrypt(const std::string& workspace) {
    return call("POST", "/v1/workspaces/" + workspace + "/encrypt", service_key_, R"({"plaintext":"aGVsbG8="})");
  }
  Response decrypt(const std::string& workspace, const std::string& ciphertext) {
    return call("POST", "/v1/workspaces/" + workspace + "/decrypt", service_key_,
                R"({"ciphertext":")" + ciphertext + "\"}");
  }

  static constexpr auto kKeys = "/v1/organizations/external_keys";

  store::testing::TemporaryFolder folder_;
  SystemClock clock_;
  crypto::SystemRandom random_;
  ExampleService service_;
  ExampleCloud cloud_{service_};
  IoThreads threads_{2};
  std::thread runner_;
  std::unique_ptr<server::ServerRuntime> runtime_;
  std::unique_ptr<http::Client> client_;
  std::string organization_;
  std::string admin_key_;
  std::string service_key_;
};

TEST(ExtendSettings, OfAThirdCloudStandInASectionOfItsOwn) {
  ExampleService service;
  ExampleCloud example(service);
  auto known = server::clouds();
  known.push_back(&example);
  EXPECT_THAT(server::annotated_server_config(known), HasSubstr(R"(
[example]
# The region whose keys may be registered.
# LATCHKEY_EXAMPLE_REGION
region = "south"

[outbound]
)"));
  auto load = [&](std::optional<std::string> variable, const server::ConfigOverrides& overrides) {
    auto environment = [&](const std::string& name) {
      return name == "LATCHKEY_EXAMPLE_REGION" ? variable : std::nullopt;
    };
    return server::load_server_config("", environment, overrides, known);
  };
  EXPECT_EQ(server::cloud_settings(load(std::nullopt, {}).value(), "example").at("region"), "south");
  EXPECT_EQ(server::cloud_settings(load("west", {}).value(), "example").at("region"), "west");
  EXPECT_EQ(server::cloud_settings(load("west", {{"example.region", "east"}}).value(), "example").at("region"), "east");
  auto refused = load("", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "example.region must name a region");
  EXPECT_FALSE(server::load_server_config("", [](const auto&) { return std::nullopt; }, {{"example.region", "east"}}))
      << "a server that does not know the cloud";
}

TEST_F(ExtendTest, AThirdCloudsKeyIsRegisteredBesideTheOthers) {
  become("Acme");
  auto made = post(kKeys, kOrders);
  ASSERT_EQ(made.status, 200U) << json::serialize(made.body);
  EXPECT_EQ(json::serialize(made.body.at("provider_config")), R"({"type":"example","region":"north","key":"orders"})");
  auto refused = [&](std::string_view config) {
    return post(kKeys, R"({"provider_config":)" + std::string(config) + "}").text("/error/message");
  };
  EXPECT_EQ(refused(R"({"type":"sample"})"),
            "provider_config.type: Input should be 'aws', 'azure', 'example' or 'gcp'");
  EXPECT_THAT(refused(R"({"type":"aws"})"), HasSubstr("or a key of the example cloud with 'example'"));
  EXPECT_EQ(refused(R"({"type":"example","region":"west","key":"k"})"),
            "provider_config.region: This server asks keys in north alone");
  EXPECT_EQ(post(kKeys, R"({"provider_config":{"type":"azure","vault_uri":"https://contoso.vault.azure.net",
                            "key_name":"k","tenant_id":"contoso.com"}})")
                .status,
            200U)
      << "the other cloud is there, too";
}

TEST_F(ExtendTest, ItsKeyIsValidatedAttachedUsedAndRewrapped) {
  become("Acme");
  auto key = register_key();
  auto one = std::string(kKeys) + "/" + key;
  EXPECT_EQ(post(one + "/validate").text("/status"), "success");
  auto workspace = attach(key);
  ASSERT_EQ(workspace.status, 200U) << json::serialize(workspace.body);
  auto id = workspace.text("/id");
  auto sealed = encrypt(id);
  ASSERT_EQ(sealed.status, 200U) << json::serialize(sealed.body);
  EXPECT_EQ(sealed.text("/external_key_id"), key);

  service_.rotate(kPlace);
  EXPECT_EQ(post(one + "/rewrap").text("/target_version"), "v2");
  EXPECT_TRUE(comes_to_pass([&] { return get(one + "/rewrap").text("/status") == "completed"; }));
  EXPECT_EQ(decrypt(id, sealed.text("/ciphertext")).text("/plaintext"), "aGVsbG8=");
}

TEST_F(ExtendTest, ItsRefusalStopsUseAndIsExplainedInItsOwnWords) {
  become("Acme");
  auto key = register_key();
  auto one = std::string(kKeys) + "/" + key;
  auto id = attach(key).text("/id");
  auto sealed = encrypt(id);
  ASSERT_EQ(sealed.status, 200U) << json::serialize(sealed.body);

  service_.set_locked(kPlace, true);
  auto validated = post(one + "/validate");
  EXPECT_EQ(validated.text("/status"), "failure");
  EXPECT_EQ(validated.text("/error"), "example:north/orders is locked. Unlock it: example unlock example:north/orders");
  EXPECT_TRUE(comes_to_pass([&] { return get(one + "/health").text("/state") == "refused"; }));
  auto health = get(one + "/health");
  EXPECT_EQ(health.text("/reason"), kKeyLocked.code);
  EXPECT_EQ(health.text("/cause"), "example:north/orders is locked");
  EXPECT_EQ(health.text("/cure"), "Unlock it: example unlock example:north/orders");
  EXPECT_TRUE(comes_to_pass([&] { return decrypt(id, sealed.text("/ciphertext")).status != 200; }));
  auto refused = decrypt(id, sealed.text("/ciphertext"));
  EXPECT_EQ(refused.text("/error/details/error_code"), "cmek_key_disabled");
  EXPECT_EQ(refused.text("/error/details/reason"), kKeyLocked.code);
  EXPECT_THAT(refused.text("/error/message"), HasSubstr("example unlock example:north/orders"));

  service_.set_locked(kPlace, false);
  EXPECT_EQ(post(one + "/validate").text("/status"), "success");
  EXPECT_TRUE(comes_to_pass([&] { return decrypt(id, sealed.text("/ciphertext")).status == 200; }));
}

// What `latchkey explain` and docs/reasons.md are made from.
TEST_F(ExtendTest, ItsReasonStandsInTheCatalogueBesideThoseOfTheOtherClouds) {
  auto known = server::clouds();
  auto without = server::reason_catalogue(known);
  EXPECT_TRUE(without.find(kKeyLocked.code).empty());
  known.push_back(&cloud_);
  auto catalogue = server::reason_catalogue(known);
  auto told = catalogue.find(kKeyLocked.code);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].cause(), "<key> is locked");
  EXPECT_EQ(told[0].cure(), "Unlock it: example unlock <key>");
  EXPECT_EQ(catalogue.reasons().size(), without.reasons().size() + 1);
  EXPECT_THAT(catalogue.page(), HasSubstr("| `example_key_locked` | the key's padlock |"));
}

TEST_F(ExtendTest, ItsKeyThatAnotherOrganizationUsesDemandsTheTag) {
  become("Acme");
  ASSERT_EQ(attach(register_key()).status, 200U);
  become("Other");
  auto key = register_key(R"({"provider_config":{"type":"example","region":"NORTH","key":"orders"}})");
  auto refused = attach(key);
  EXPECT_EQ(refused.status, 400U);
  EXPECT_THAT(refused.text("/error/message"), HasSubstr("does not bear the tag"));
  service_.add_tag(kPlace, "latchkey-org-" + organization_);
  EXPECT_EQ(attach(key).status, 200U);
}

}  // namespace
}  // namespace latchkey::extend
