#include "clouds/azure/emulator/testing/vault_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

constexpr std::string_view kCryptoUser = "12338af0-0e69-4776-bea7-57ae8d297424";
constexpr const char* kAssignment = "7a0b5e0e-6b7e-4b0e-9d0e-3f1f5f3c2a11";

class KeyVaultTest : public VaultTest {};

TEST_F(KeyVaultTest, ChallengesARequestWithoutAToken) {
  auto reply = send("POST", cloud_.vault_uri + "keys/k/create?api-version=7.4",
                    {{"x-ms-client-request-id", "11111111-2222-4333-8444-555555555555"}});
  EXPECT_EQ(reply.headers.get("www-authenticate"), "Bearer authorization=\"https://login.microsoftonline.com/" +
                                                       cloud_.tenant_id + "\", resource=\"https://vault.azure.net\"");
  expect_refused(reply, 401, "Unauthorized", "", "AKV10000: Request is missing a Bearer or PoP token.");
  EXPECT_EQ(reply.headers.get("x-ms-client-request-id"), "11111111-2222-4333-8444-555555555555");
  EXPECT_EQ(reply.headers.get("x-ms-keyvault-region"), "eastus");
  EXPECT_EQ(reply.headers.get("x-ms-keyvault-network-info"),
            "conn_type=Ipv4;addr=203.0.113.9;act_addr_fam=InterNetwork;");
  for (auto name : {"x-ms-request-id", "x-ms-keyvault-service-version", "cache-control", "pragma", "expires",
                    "strict-transport-security", "x-content-type-options", "x-powered-by"}) {
    EXPECT_TRUE(reply.headers.has(name)) << name;
  }
  auto line = audit_lines().back();
  EXPECT_EQ(line.at("operationName").as_string(), "Authentication");
  EXPECT_EQ(line.at("properties").at("httpStatusCode").to_number<int>(), 401);
  EXPECT_EQ(line.at("correlationId").as_string(), "11111111-2222-4333-8444-555555555555");
}

TEST_F(KeyVaultTest, ChecksTheToken) {
  auto arm_token = admin_token("https://management.azure.com/");
  expect_refused(vault("GET", "keys", nullptr, arm_token), 401, "Unauthorized", "",
                 "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com/.");
  auto slash = admin_token("https://vault.azure.net/");
  EXPECT_TRUE(vault("GET", "keys", nullptr, slash).message().starts_with("AKV10022: "));
  EXPECT_EQ(vault("GET", "keys", nullptr, admin_token("cfa8b339-82a2-471a-a3c9-0fc0be7a4093")).status, 200U);
  auto good = admin_token("https://vault.azure.net");
  clock_.advance(std::chrono::seconds(3599));
  expect_refused(vault("GET", "keys", nullptr, good), 401, "Unauthorized", "",
                 "[TokenExpired] Error validating token: 'S2S12086'.");
  auto forged = crypto::jwt_parse(good).value().claims;
  forged["exp"] = 4'000'000'000;
  auto key = foreign_rsa_key();
  auto token = crypto::jwt_sign(key, crypto::RsaSignature::Rs256, {}, forged).value();
  EXPECT_EQ(vault("GET", "keys", nullptr, token).status, 401U);
  EXPECT_EQ(vault("GET", "keys", nullptr, "nonsense").status, 401U);
}

TEST_F(KeyVaultTest, RefusesATokenOfAnotherTenant) {
  // The vault is governed by the platform's tenant from now on; the admin's token is of the customer's.
  ASSERT_EQ(arm("PATCH", cloud_.vault_resource_id,
                json::object{{"properties", json::object{{"tenantId", cloud_.platform_tenant_id}}}})
                .status,
            200U);
  expect_refused(vault("GET", "keys"), 401, "Unauthorized", "",
                 fmt::format("AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{}/, found "
                             "https://sts.windows.net/{}/.",
                             cloud_.platform_tenant_id, cloud_.tenant_id));
}

TEST_F(KeyVaultTest, WantsAKnownApiVersion) {
  auto token = admin_token("https://vault.azure.net");
  auto missing = call("GET", cloud_.vault_uri + "keys", token);
  EXPECT_EQ(missing.status, 400U);
  EXPECT_EQ(missing.code(), "BadParameter");
  auto unknown = call("GET", cloud_.vault_uri + "keys?api-version=9.9", token);
  EXPECT_EQ(unknown.code(), "BadParameter");
  EXPECT_TRUE(
      unknown.message().starts_with("The specified version (9.9) is not recognized. Consider using the latest "
                                    "supported version ("));
  for (auto version : {"7.0", "7.4", "7.4-preview.1", "7.6-preview.2", "2025-07-01", "2026-04-01"}) {
    EXPECT_EQ(call("GET", cloud_.vault_uri + "keys?api%2Dversion=" + version, token).status, 200U) << version;
  }
}

TEST_F(KeyVaultTest, CreateShowsTheWholeBundle) {
  auto reply = create("k1", {{"kty", "RSA"}, {"tags", {{"a", "b"}}}, {"attributes", {{"exp", 4'000'000'000}}}});
  EXPECT_EQ(reply.text("key.kty"), "RSA");
  EXPECT_EQ(reply.text("key.e"), "AQAB");
  EXPECT_EQ(base64url_decode(reply.text("key.n")).value().size(), 256U);
  EXPECT_EQ(version_of(reply).size(), 32U);
  EXPECT_EQ(json::serialize(*reply.at("key.key_ops")),
            R"(["encrypt","decrypt","sign","verify","wrapKey","unwrapKey"])");
  EXPECT_EQ(
      json::serialize(*reply.at("attributes")),
      R"({"enabled":true,"exp":4000000000,"created":1780272000,"updated":1780272000,"recoveryLevel":"Recoverable",)"
      R"("recoverableDays":90,"exportable":false})");
  auto newer = call("GET", cloud_.vault_uri + "keys/k1?api-version=2025-07-01", vault_token_);
  EXPECT_EQ(newer.text("attributes.hsmPlatform"), "0");
  auto older = call("GET", cloud_.vault_uri + "keys/k1?api-version=7.2", vault_token_);
  EXPECT_EQ(older.at("attributes.exportable"), nullptr);
  EXPECT_EQ(reply.at("attributes.nbf"), nullptr);
  EXPECT_EQ(reply.text("tags.a"), "b");
  EXPECT_EQ(reply.headers.get("content-type"), "application/json; charset=utf-8");
  auto elliptic = create("ec", {{"kty", "EC"}});
  EXPECT_EQ(elliptic.text("key.crv"), "P-256");
  EXPECT_EQ(use("ec", "wrapkey").status, 403U) << "its key_ops are sign and verify";
}

TEST_F(KeyVaultTest, CreateRefusesBadParameters) {
  const json::object cases[] = {
      {},
      {{"kty", "oct"}},
      {{"kty", 7}},
      {{"kty", "RSA-HSM"}},
      {{"kty", "RSA"}, {"key_size", 1024}},
      {{"kty", "RSA"}, {"key_size", "3072"}},
      {{"kty", "RSA"}, {"key_ops", {"wrapkey"}}},
      {{"kty", "RSA"}, {"attributes", {{"enabled", "yes"}}}},
      {{"kty", "RSA"}, {"attributes", {{"nbf", 20}, {"exp", 10}}}},
      {{"kty", "RSA"}, {"attributes", {{"exportable", true}}}},
      {{"kty", "RSA"}, {"release_policy", json::object{}}},
      {{"kty", "RSA"}, {"tags", {{"a", 1}}}},
  };
  for (const auto& body : cases) {
    auto reply = vault("POST", "keys/bad/create", body);
    EXPECT_EQ(reply.status, 400U) << json::serialize(body) << reply.body;
    EXPECT_EQ(reply.code(), "BadParameter");
  }
  EXPECT_EQ(vault("GET", "keys/bad").status, 404U);
  auto token = admin_token("https://vault.azure.net");
  auto damaged = send("POST", cloud_.vault_uri + "keys/bad/create?api-version=7.4",
                      {{"authorization", "Bearer " + token}}, "{\"kty\":");
  EXPECT_EQ(damaged.code(), "BadParameter");
}

TEST_F(KeyVaultTest, HsmKeysNeedAPremiumVault) {
  ASSERT_EQ(
      arm("PATCH", cloud_.vault_resource_id, json::parse(R"({"properties":{"sku":{"family":"A","name":"premium"}}})"))
          .status,
      200U);
  auto reply = create("hsm", {{"kty", "RSA-HSM"}});
  EXPECT_EQ(reply.text("key.kty"), "RSA-HSM");
  auto newer = call("GET", cloud_.vault_uri + "keys/hsm?api-version=7.6", vault_token_);
  EXPECT_EQ(newer.text("attributes.hsmPlatform"), "2");
  EXPECT_EQ(create("curve", {{"kty", "EC-HSM"}, {"crv", "P-384"}}).text("key.crv"), "P-384");
  EXPECT_EQ(vault("POST", "keys/hsm/rotate").text("key.kty"), "RSA-HSM");
}

TEST_F(KeyVaultTest, WrapsAndUnwrapsWithEveryAlgorithmToItsLimit) {
  create("k1");
  for (const auto& [algorithm, most] :
       std::vector<std::pair<std::string, std::size_t>>{{"RSA-OAEP-256", 190}, {"RSA-OAEP", 214}, {"RSA1_5", 245}}) {
    auto longest = base64url_encode(Bytes(most, 1));
    for (const auto& [forth, back] :
         std::vector<std::pair<std::string, std::string>>{{"wrapkey", "unwrapkey"}, {"encrypt", "decrypt"}}) {
      auto sealed = use("k1", forth, longest, algorithm);
      ASSERT_EQ(sealed.status, 200U) << sealed.body;
      auto opened = use("k1/" + version_of(sealed), back, sealed.text("value"), algorithm);
      EXPECT_EQ(opened.text("value"), longest) << opened.body;
    }
    auto too_long = use("k1", "wrapkey", base64url_encode(Bytes(most + 1, 1)), algorithm);
    EXPECT_EQ(too_long.status, 400U) << algorithm;
    EXPECT_EQ(too_long.code(), "BadParameter");
  }
}

TEST_F(KeyVaultTest, RefusesBadCryptoParameters) {
  create("k1");
  expect_refused(use("k1", "wrapkey", "not base64url!"), 400, "BadParameter", "",
                 "Content of 'value' is not base64url.\r\nProperty 'value' is required.\r\n");
  expect_refused(use("k1", "wrapkey", "AAAA", "A256KW"), 400, "BadParameter", "", "Property has invalid value\r\n");
  expect_refused(vault("POST", "keys/k1/wrapkey", json::object{{"alg", "RSA-OAEP-256"}}), 400, "BadParameter", "",
                 "Property 'value' is required.\r\n");
  auto damaged = use("k1", "unwrapkey", base64url_encode(Bytes(256, 1)));
  expect_refused(damaged, 400, "BadParameter", "", "Error occurred while decoding OAEP padding.");
  EXPECT_EQ(use("k1", "unwrapkey", "AAAA").code(), "BadParameter");
  expect_refused(vault("POST", "keys/k1/explode", json::object{}), 400, "BadParameter", "",
                 "Method POST does not allow operation 'explode'");
}

TEST_F(KeyVaultTest, SignsAndVerifiesDigests) {
  create("k1");
  for (const auto& [algorithm, size] :
       std::vector<std::pair<std::string, std::size_t>>{{"RS256", 32}, {"PS256", 32}, {"RS384", 48}, {"PS512", 64}}) {
    auto digest = base64url_encode(Bytes(size, 3));
    auto signature = use("k1", "sign", digest, algorithm);
    ASSERT_EQ(signature.status, 200U) << signature.body;
    auto verify = [&](const std::string& text) {
      return vault("POST", "keys/k1/verify",
                   json::object{{"alg", algorithm}, {"digest", text}, {"value", signature.text("value")}});
    };
    EXPECT_TRUE(verify(digest).at("value")->as_bool());
    EXPECT_FALSE(verify(base64url_encode(Bytes(size, 4))).at("value")->as_bool());
    EXPECT_EQ(use("k1", "sign", base64url_encode(Bytes(size - 1, 3)), algorithm).status, 400U);
  }
}

TEST_F(KeyVaultTest, DisabledExpiredAndForbiddenKeysRefuseInTheirWords) {
  auto wrapped = (create("k1", {{"kty", "RSA"}, {"key_ops", {"wrapKey", "unwrapKey"}}}), use("k1", "wrapkey"));
  ASSERT_EQ(wrapped.status, 200U);
  expect_refused(use("k1", "decrypt"), 403, "Forbidden", "KeyOperationForbidden",
                 "Operation decrypt is not permitted on this key.");
  vault("PATCH", "keys/k1/", json::object{{"attributes", {{"enabled", false}}}});
  expect_refused(use("k1", "unwrapkey", wrapped.text("value")), 403, "Forbidden", "KeyDisabled",
                 "Operation unwrapKey is not allowed on a disabled key.");
  expect_refused(use("k1", "wrapkey"), 403, "Forbidden", "KeyDisabled",
                 "Operation wrapKey is not allowed on a disabled key.");
  EXPECT_FALSE(vault("GET", "keys/k1/").at("attributes.enabled")->as_bool());
  vault("PATCH", "keys/k1", json::object{{"attributes", {{"enabled", true}, {"exp", 1780272000}}}});
  EXPECT_EQ(use("k1", "wrapkey").inner(), "KeyExpired");
  EXPECT_EQ(use("k1", "unwrapkey", wrapped.text("value")).status, 200U);
  vault("PATCH", "keys/k1", json::object{{"attributes", {{"exp", 4000000000}, {"nbf", 3000000000}}}});
  EXPECT_EQ(use("k1", "wrapkey").inner(), "KeyNotYetValid");
}

TEST_F(KeyVaultTest, MissingKeysAndVersions) {
  expect_refused(
      vault("GET", "keys/nope"), 404, "KeyNotFound", "",
      "A key with (name/id) nope was not found in this key vault. If you recently deleted this key you may be "
      "able to recover it using the correct recovery command. For help resolving this issue, please see "
      "https://go.microsoft.com/fwlink/?linkid=2125182");
  create("k1");
  auto version = std::string(32, 'f');
  EXPECT_TRUE(
      use("k1/" + version, "unwrapkey").message().starts_with("A key with (name/id) k1/" + version + " was not"));
  EXPECT_EQ(vault("GET", "keys/K1").status, 200U) << "names compare in any case";
  EXPECT_EQ(vault("GET", "keys/k_1").status, 400U);
}

TEST_F(KeyVaultTest, RotationKeepsOldVersionsUsable) {
  auto first = create("k1", {{"kty", "RSA"}, {"key_ops", {"wrapKey", "unwrapKey"}}});
  auto wrapped = use("k1", "wrapkey");
  auto rotated = vault("POST", "keys/k1/rotate");
  ASSERT_EQ(rotated.status, 200U) << rotated.body;
  EXPECT_NE(version_of(rotated), version_of(first));
  EXPECT_EQ(version_of(use("k1", "wrapkey")), version_of(rotated));
  EXPECT_EQ(use("k1/" + version_of(first), "unwrapkey", wrapped.text("value")).text("value"), "AAAA");
  EXPECT_EQ(use("k1", "unwrapkey", wrapped.text("value")).status, 400U) << "the newest version is another key";
  auto versions = vault("GET", "keys/k1/versions");
  EXPECT_EQ(versions.at("value")->get_array().size(), 2U);
}

TEST_F(KeyVaultTest, ListsInPages) {
  for (auto name : {"a", "b", "c"}) create(name, {{"kty", "EC"}});
  auto first = vault("GET", "keys?maxresults=2");
  ASSERT_EQ(first.at("value")->get_array().size(), 2U) << first.body;
  EXPECT_EQ(first.at("value")->get_array()[0].at("kid").as_string(), cloud_.vault_uri + "keys/a");
  auto next = first.text("nextLink");
  ASSERT_TRUE(next.starts_with(cloud_.vault_uri + "keys?")) << next;
  auto second = call("GET", next, vault_token_);
  ASSERT_EQ(second.at("value")->get_array().size(), 1U) << second.body;
  EXPECT_TRUE(second.at("nextLink")->is_null());
  for (auto bad : {"0", "26", "x", "-1"}) {
    EXPECT_EQ(vault("GET", "keys?maxresults=" + std::string(bad)).code(), "BadParameter") << bad;
  }
}

TEST_F(KeyVaultTest, DeletedKeysKeepTheirNameAndComeBackWhole) {
  auto created = create("k1");
  auto wrapped = use("k1", "wrapkey");
  auto deleted = vault("DELETE", "keys/k1");
  ASSERT_EQ(deleted.status, 200U);
  EXPECT_EQ(deleted.text("recoveryId"), cloud_.vault_uri + "deletedkeys/k1");
  EXPECT_EQ(deleted.at("scheduledPurgeDate")->to_number<std::int64_t>(),
            deleted.at("deletedDate")->to_number<std::int64_t>() + 90 * 86400);
  EXPECT_EQ(use("k1", "unwrapkey", wrapped.text("value")).code(), "KeyNotFound");
  expect_refused(
      vault("POST", "keys/k1/create", json::object{{"kty", "RSA"}}), 409, "Conflict", "ObjectIsDeletedButRecoverable",
      "Key k1 is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the "
      "key can only be recovered or purged.");
  EXPECT_EQ(vault("GET", "deletedkeys").at("value")->get_array().size(), 1U);
  EXPECT_EQ(vault("GET", "deletedkeys/k1").text("key.kid"), created.text("key.kid"));
  expect_refused(
      vault("DELETE", "deletedkeys/k1"), 403, "Forbidden", "",
      "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service "
      "will automatically purge it after the retention period has passed.\r\nVault: "
      "latchkey-dev;location=eastus");
  auto recovered = vault("POST", "deletedkeys/k1/recover");
  EXPECT_EQ(recovered.text("key.kid"), created.text("key.kid")) << recovered.body;
  EXPECT_EQ(use("k1/" + version_of(created), "unwrapkey", wrapped.text("value")).text("value"), "AAAA");
  expect_refused(vault("GET", "deletedkeys/k1"), 404, "KeyNotFound", "", "Deleted Key not found: k1");
  vault("DELETE", "keys/k1");
  clock_.advance(std::chrono::hours(24 * 91));
  vault_token_.clear();
  EXPECT_EQ(vault("POST", "deletedkeys/k1/recover").status, 404U) << "the retention has passed";
  create("k1");
}

TEST_F(KeyVaultTest, PurgesWhereNothingProtects) {
  auto id = "/subscriptions/" + cloud_.subscription_id +
            "/resourceGroups/latchkey-dev/providers/Microsoft.KeyVault/vaults/loose-vault";
  auto made = arm("PUT", id,
                  json::object{{"location", "East US"},
                               {"properties", json::object{{"tenantId", cloud_.tenant_id},
                                                           {"sku", {{"family", "A"}, {"name", "standard"}}},
                                                           {"softDeleteRetentionInDays", 7},
                                                           {"enableRbacAuthorization", true},
                                                           {"accessPolicies", json::array()}}}});
  ASSERT_EQ(made.status, 200U) << made.body;
  EXPECT_EQ(made.at("properties.enablePurgeProtection"), nullptr);
  EXPECT_TRUE(emulator_->vault_port("loose-vault")) << "a vault made at run time has a port too";
  auto principal = crypto::jwt_text(crypto::jwt_parse(admin_token("https://vault.azure.net")).value(), "oid");
  ASSERT_EQ(assign_role(id, "00482a5a-887f-4fb3-b363-3b7fe8e74483", principal, kAssignment).status, 201U);
  auto token = admin_token("https://vault.azure.net");
  auto at = [](const std::string& path) { return "https://loose-vault.vault.azure.net/" + path + "?api-version=7.4"; };
  auto key = call("POST", at("keys/k/create"), token, json::object{{"kty", "EC"}});
  EXPECT_EQ(key.text("attributes.recoveryLevel"), "CustomizedRecoverable+Purgeable") << key.body;
  EXPECT_EQ(call("DELETE", at("keys/k"), token).status, 200U);
  EXPECT_EQ(call("DELETE", at("deletedkeys/k"), token).status, 204U);
  EXPECT_EQ(call("GET", at("deletedkeys/k"), token).status, 404U);
  // No diagnostic setting, no audit.
  auto log = send("GET", fmt::format("https://127.0.0.1:{}/_emulator/audit?vault=loose-vault", emulator_->tls_port()),
                  {}, {}, true);
  EXPECT_EQ(log.status, 200U);
  EXPECT_TRUE(log.body.empty());
}

TEST_F(KeyVaultTest, DeniesByRbacWithTheLongMessage) {
  auto version = version_of(create("k1"));
  auto service = make_service("reader");
  auto token = token_of(service, "https://vault.azure.net");
  auto resource = "/subscriptions/" + cloud_.subscription_id +
                  "/resourcegroups/latchkey-dev/providers/microsoft.keyvault/vaults/latchkey-dev/keys/k1/" + version;
  expect_refused(
      vault("POST", "keys/k1/" + version + "/wrapkey", json::object{}, token), 403, "Forbidden", "ForbiddenByRbac",
      "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
      "definitions "
      "were changed recently, please observe propagation time.\r\nCaller: appid=" +
          service.app_id + ";oid=" + service.principal_id + ";iss=https://sts.windows.net/" + cloud_.tenant_id +
          "/\r\nAction: 'Microsoft.KeyVault/vaults/keys/wrap/action'\r\nResource: '" + resource +
          "'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: "
          "latchkey-dev;location=eastus\r\n");
  ASSERT_EQ(
      assign_role(cloud_.vault_resource_id + "/keys/k1", std::string(kCryptoUser), service.principal_id, kAssignment)
          .status,
      201U);
  EXPECT_EQ(vault("GET", "keys/k1", nullptr, token).status, 200U);
  EXPECT_EQ(vault("DELETE", "keys/k1", nullptr, token).inner(), "ForbiddenByRbac");
  EXPECT_EQ(audit_lines().back().at("operationName").as_string(), "KeyDelete");
}

TEST_F(KeyVaultTest, AccessPolicyVaultsRefuseByPolicy) {
  create("k1");
  auto service = make_service("worker");
  auto token = token_of(service, "https://vault.azure.net");
  auto policies = [&](json::array permissions) {
    return json::object{
        {"properties",
         json::object{{"enableRbacAuthorization", false},
                      {"accessPolicies",
                       json::array{json::object{{"tenantId", cloud_.tenant_id},
                                                {"objectId", service.principal_id},
                                                {"permissions", json::object{{"keys", std::move(permissions)}}}}}}}}};
  };
  ASSERT_EQ(arm("PATCH", cloud_.vault_resource_id, policies({"get"})).status, 200U);
  EXPECT_EQ(vault("GET", "keys/k1", nullptr, token).status, 200U);
  expect_refused(vault("POST", "keys/k1/wrapkey", json::object{}, token), 403, "Forbidden", "ForbiddenByPolicy",
                 "The user, group or application 'appid=" + service.app_id + ";oid=" + service.principal_id +
                     ";iss=https://sts.windows.net/" + cloud_.tenant_id +
                     "/' does not have keys wrapKey permission on key vault 'latchkey-dev;location=eastus'. For help "
                     "resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287");
  ASSERT_EQ(arm("PATCH", cloud_.vault_resource_id, policies({"Get", "WrapKey"})).status, 200U);
  EXPECT_EQ(vault("POST", "keys/k1/wrapkey", json::object{{"alg", "RSA-OAEP"}, {"value", "AAAA"}}, token).status, 200U);
}

TEST_F(KeyVaultTest, NetworkRulesSpeakBeforeTokenAndPermission) {
  create("k1");
  auto caller = crypto::jwt_parse(vault_token_).value();
  auto named = "appid=" + cloud_.admin_client_id + ";oid=" + crypto::jwt_text(caller, "oid") +
               ";iss=https://sts.windows.net/" + cloud_.tenant_id + "/";
  auto acls = [&](const char* text) {
    return arm("PATCH", cloud_.vault_resource_id, json::object{{"properties", json::parse(text)}}).status;
  };
  ASSERT_EQ(acls(R"({"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"198.51.100.0/24"}]}})"), 200U);
  expect_refused(vault("GET", "keys/k1"), 403, "Forbidden", "ForbiddenByFirewall",
                 "Client address is not authorized and caller is not a trusted service.\r\nClient address: "
                 "203.0.113.9\r\nCaller: " +
                     named + "\r\nVault: latchkey-dev;location=eastus");
  EXPECT_EQ(audit_lines().back().at("operationName").as_string(), "KeyGet");
  auto foreign = admin_token("https://management.azure.com/");
  EXPECT_EQ(vault("GET", "keys/k1", nullptr, foreign).inner(), "ForbiddenByFirewall");
  EXPECT_EQ(send("GET", cloud_.vault_uri + "keys?api-version=7.4").status, 401U) << "nobody to name yet";
  set_address("198.51.100.7");
  EXPECT_EQ(vault("GET", "keys/k1").status, 200U);
  ASSERT_EQ(acls(R"({"publicNetworkAccess":"Disabled"})"), 200U);
  expect_refused(
      vault("GET", "keys/k1"), 403, "Forbidden", "ForbiddenByConnection",
      "Public network access is disabled and request is not from a trusted service nor via an approved private "
      "link.\r\nCaller: " +
          named + "\r\nVault: latchkey-dev;location=eastus");
  EXPECT_EQ(acls(R"({"networkAcls":{"ipRules":[{"value":"10.0.0.1"}]}})"), 400U);
}

class KeyVaultOptionsTest : public AzureTest {};

TEST_F(KeyVaultOptionsTest, InTheHarderWorldADisabledKeyWraps) {
  options_.allow_disabled_wrap = true;
  start();
  ASSERT_EQ(vault("PATCH", "keys/" + cloud_.key_name, json::object{{"attributes", {{"enabled", false}}}}).status, 200U);
  auto use = [&](const std::string& operation, const std::string& value) {
    return vault("POST", "keys/" + cloud_.key_name + "/" + operation,
                 json::object{{"alg", "RSA-OAEP-256"}, {"value", value}});
  };
  auto wrapped = use("wrapkey", "AAAA");
  EXPECT_EQ(wrapped.status, 200U) << wrapped.body;
  EXPECT_EQ(use("unwrapkey", wrapped.text("value")).inner(), "KeyDisabled");
}

TEST_F(KeyVaultOptionsTest, ARoleTakesItsTime) {
  options_.role_propagation = std::chrono::minutes(5);
  start();
  EXPECT_EQ(vault("GET", "keys").status, 200U);
  auto service = make_service("new");
  ASSERT_EQ(assign_role(cloud_.vault_resource_id, std::string(kCryptoUser), service.principal_id,
                        "a1111111-2222-4333-8444-555555555555")
                .status,
            201U);
  auto token = token_of(service, "https://vault.azure.net");
  EXPECT_EQ(vault("GET", "keys", nullptr, token).inner(), "ForbiddenByRbac");
  clock_.advance(std::chrono::minutes(5));
  EXPECT_EQ(vault("GET", "keys", nullptr, token).status, 200U);
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
