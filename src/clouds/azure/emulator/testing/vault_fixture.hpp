// A seeded emulator whose vault has no keys yet, and short ways to use it. Test code only.
#pragma once

#include "clouds/azure/emulator/testing/azure_fixture.hpp"
#include "clouds/azure/emulator/text.hpp"
#include "crypto/jwt.hpp"

namespace latchkey::clouds::azure::emulator::testing {

class VaultTest : public AzureTest {
 protected:
  void SetUp() override { start_bare(); }
  void start_bare() {
    SeedOptions options;
    options.bare = true;
    start(options);
  }
  Reply create(const std::string& name, json::object body = {{"kty", "RSA"}}) {
    auto reply = vault("POST", "keys/" + name + "/create", body);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return reply;
  }
  Reply use(const std::string& path, const std::string& operation, const std::string& value = "AAAA",
            const std::string& algorithm = "RSA-OAEP-256") {
    return vault("POST", "keys/" + path + "/" + operation, json::object{{"alg", algorithm}, {"value", value}});
  }
  static std::string version_of(const Reply& reply) {
    auto kid = reply.text("kid").empty() ? reply.text("key.kid") : reply.text("kid");
    return kid.substr(kid.rfind('/') + 1);
  }
  static void expect_refused(const Reply& reply, unsigned status, const std::string& code, const std::string& inner,
                             const std::string& message) {
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_EQ(reply.code(), code) << reply.body;
    EXPECT_EQ(reply.inner(), inner) << reply.body;
    EXPECT_EQ(reply.message(), message);
  }

  // Another vault, without purge protection, that the admin may do everything in.
  std::string make_vault(const std::string& name, const std::string& location = "eastus",
                         const std::string& sku = "standard") {
    auto id = fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.KeyVault/vaults/{}",
                          cloud_.subscription_id, cloud_.resource_group, name);
    auto made = arm("PUT", id,
                    json::object{{"location", location},
                                 {"properties", json::object{{"tenantId", cloud_.tenant_id},
                                                             {"sku", {{"family", "A"}, {"name", sku}}},
                                                             {"softDeleteRetentionInDays", 7},
                                                             {"enableRbacAuthorization", true},
                                                             {"accessPolicies", json::array()}}}});
    EXPECT_EQ(made.status, 200U) << made.body;
    auto assigned = assign_role(id, "00482a5a-887f-4fb3-b363-3b7fe8e74483", admin_object_id(), new_guid(random_));
    EXPECT_EQ(assigned.status, 201U) << assigned.body;
    return id;
  }
  std::string admin_object_id() {
    return crypto::jwt_text(crypto::jwt_parse(admin_token("https://vault.azure.net")).value(), "oid");
  }
  Reply in_vault(const std::string& name, const std::string& method, const std::string& path,
                 const json::value& body = nullptr, const std::string& version = "7.4") {
    auto separator = path.find('?') == std::string::npos ? "?" : "&";
    return call(method, fmt::format("https://{}.vault.azure.net/{}{}api-version={}", name, path, separator, version),
                admin_token("https://vault.azure.net"), body);
  }
};

}  // namespace latchkey::clouds::azure::emulator::testing
