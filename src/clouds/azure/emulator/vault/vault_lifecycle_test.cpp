// Import, curves, tags, rotation, deletion and throttling: what happens to keys over time.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "clouds/azure/emulator/testing/vault_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

class Lifecycle : public VaultTest {};

std::string number_of(const crypto::RsaKey& key, const char* name) {
  BIGNUM* raw = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key.handle(), name, &raw), 1) << name;
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(raw)));
  BN_bn2bin(raw, bytes.data());
  BN_clear_free(raw);
  return base64url_encode(bytes);
}

json::object jwk_of(const crypto::RsaKey& key) {
  return {{"kty", "RSA"},
          {"n", number_of(key, OSSL_PKEY_PARAM_RSA_N)},
          {"e", number_of(key, OSSL_PKEY_PARAM_RSA_E)},
          {"d", number_of(key, OSSL_PKEY_PARAM_RSA_D)},
          {"p", number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1)},
          {"q", number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR2)},
          {"dp", number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT1)},
          {"dq", number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT2)},
          {"qi", number_of(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1)}};
}

// RFC 7515 appendix A.3.
const json::object kEcJwk = {{"kty", "EC"},
                             {"crv", "P-256"},
                             {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                             {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
                             {"d", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}};

TEST_F(Lifecycle, AnImportedKeyIsTheOneThatWasMadeElsewhere) {
  auto key = foreign_rsa_key();
  auto jwk = jwk_of(key);
  jwk["key_ops"] = {"wrapKey", "unwrapKey"};
  auto imported = vault("PUT", "keys/mine", json::object{{"key", jwk}, {"tags", {{"from", "elsewhere"}}}});
  ASSERT_EQ(imported.status, 200U) << imported.body;
  EXPECT_EQ(imported.text("key.n"), base64url_encode(key.modulus()));
  EXPECT_EQ(imported.text("tags.from"), "elsewhere");
  EXPECT_EQ(imported.at("key.d"), nullptr) << "private numbers never come back";
  EXPECT_EQ(json::serialize(*imported.at("key.key_ops")), R"(["wrapKey","unwrapKey"])");
  auto sealed = key.encrypt(crypto::RsaEncryption::OaepSha256, Bytes{1, 2, 3}).value();
  EXPECT_EQ(use("mine", "unwrapkey", base64url_encode(sealed)).text("value"), "AQID");
  EXPECT_EQ(audit_lines().back().at("operationName").as_string(), "KeyUnwrap");
  auto again = vault("PUT", "keys/mine", json::object{{"key", kEcJwk}, {"Hsm", false}});
  EXPECT_EQ(again.text("key.kty"), "EC") << "a second import is a new version";
  EXPECT_EQ(audit_lines().back().at("operationName").as_string(), "KeyImport");
  EXPECT_EQ(vault("GET", "keys/mine/versions").at("value")->get_array().size(), 2U);
  EXPECT_EQ(vault("GET", "keys/mine/" + version_of(imported)).text("key.kty"), "RSA");
}

TEST_F(Lifecycle, ImportRefusesWhatIsNoKeyOrNotForThisVault) {
  auto good = jwk_of(foreign_rsa_key());
  auto with = [&](const char* name, json::value value) {
    auto jwk = good;
    jwk[name] = std::move(value);
    return json::object{{"key", jwk}};
  };
  auto other = jwk_of(shared_rsa_key(2048, "other").value());
  auto bad_point = kEcJwk;
  bad_point["x"] = bad_point["y"];
  const json::object cases[] = {{},
                                {{"key", 7}},
                                with("kty", "oct"),
                                with("kty", nullptr),
                                with("d", nullptr),
                                with("d", "not base64url!"),
                                with("d", other["d"]),
                                with("p", other["p"]),
                                with("n", "AQAB"),
                                with("key_hsm", "AAAA"),
                                with("kty", "RSA-HSM"),
                                {{"key", good}, {"Hsm", true}},
                                {{"key", good}, {"Hsm", "no"}},
                                {{"key", bad_point}}};
  for (const auto& body : cases) {
    auto reply = vault("PUT", "keys/bad", body);
    EXPECT_EQ(reply.status, 400U) << json::serialize(body).substr(0, 200) << reply.body;
    EXPECT_EQ(reply.code(), "BadParameter");
  }
  EXPECT_EQ(vault("GET", "keys/bad").status, 404U);
  expect_refused(vault("PUT", "keys/bad", with("d", nullptr)), 400, "BadParameter", "",
                 "Property 'd' is required.\r\n");
  make_vault("premium-vault", "eastus", "premium");
  EXPECT_EQ(in_vault("premium-vault", "PUT", "keys/k", json::object{{"key", good}, {"Hsm", true}}).text("key.kty"),
            "RSA-HSM");
}

TEST_F(Lifecycle, EachCurveSignsWithItsOwnAlgorithm) {
  create("rsa");
  for (const auto& [curve, algorithm, size] : std::vector<std::tuple<std::string, std::string, std::size_t>>{
           {"P-256", "ES256", 32}, {"P-384", "ES384", 48}, {"P-521", "ES512", 64}, {"P-256K", "ES256K", 32}}) {
    auto name = "key-" + algorithm;
    auto made = create(name, {{"kty", "EC"}, {"crv", curve}});
    EXPECT_EQ(made.text("key.crv"), curve);
    auto digest = base64url_encode(Bytes(size, 5));
    auto signature = use(name, "sign", digest, algorithm);
    ASSERT_EQ(signature.status, 200U) << signature.body;
    auto verify = [&](const std::string& text) {
      return vault("POST", "keys/" + name + "/verify",
                   json::object{{"alg", algorithm}, {"digest", text}, {"value", signature.text("value")}});
    };
    EXPECT_TRUE(verify(digest).at("value")->as_bool());
    EXPECT_FALSE(verify(base64url_encode(Bytes(size, 6))).at("value")->as_bool());
    EXPECT_EQ(use("rsa", "sign", digest, algorithm).code(), "BadParameter");
  }
  auto kid = vault("GET", "keys/key-ES256K").text("key.kid");
  expect_refused(use("key-ES256K", "sign", base64url_encode(Bytes(32, 5)), "ES256"), 400, "BadParameter", "",
                 "Key and signing algorithm are incompatible. Key " + kid +
                     " uses curve 'P-256K', and algorithm 'ES256' can only be used with curve 'P-256'.");
  EXPECT_EQ(use("key-ES256", "sign", base64url_encode(Bytes(32, 5)), "RS256").code(), "BadParameter");
  EXPECT_EQ(vault("POST", "keys/x/create", json::object{{"kty", "EC"}, {"crv", "P-224"}}).code(), "BadParameter");
}

TEST_F(Lifecycle, KeysRotateByTheirPolicyAsTimePasses) {
  auto first = create("k1", {{"kty", "RSA"}, {"key_ops", {"wrapKey", "unwrapKey"}}, {"tags", {{"a", "b"}}}});
  auto wrapped = use("k1", "wrapkey");
  auto shown = vault("GET", "keys/k1/rotationpolicy");
  EXPECT_EQ(shown.text("id"), cloud_.vault_uri + "keys/k1/rotationpolicy");
  EXPECT_EQ(audit_lines().back().at("operationName").as_string(), "KeyRotationPolicyGet");
  auto policy = json::parse(R"({"lifetimeActions":[{"trigger":{"timeAfterCreate":"P30D"},"action":{"type":"Rotate"}}],
                                "attributes":{"expiryTime":"P90D"}})");
  auto put = vault("PUT", "keys/k1/rotationpolicy", policy);
  ASSERT_EQ(put.status, 200U) << put.body;
  EXPECT_EQ(put.at("lifetimeActions")->get_array().size(), 2U) << "the service adds its notification";
  EXPECT_EQ(vault("PUT", "keys/k1/rotationpolicy", json::parse(R"({"lifetimeActions":[7]})")).code(), "BadParameter");

  clock_.advance(std::chrono::hours(24 * 30 - 1));
  vault_token_.clear();
  EXPECT_EQ(version_of(vault("GET", "keys/k1")), version_of(first));
  clock_.advance(std::chrono::hours(1));
  vault_token_.clear();
  auto second = vault("GET", "keys/k1");
  EXPECT_NE(version_of(second), version_of(first));
  EXPECT_EQ(second.text("tags.a"), "b");
  EXPECT_EQ(second.at("attributes.exp")->to_number<std::int64_t>(),
            second.at("attributes.created")->to_number<std::int64_t>() + 90 * 86400);
  auto lines = audit_lines();
  EXPECT_EQ(lines[lines.size() - 2].at("operationName").as_string(), "KeyRotateIfDue");
  EXPECT_EQ(use("k1/" + version_of(first), "unwrapkey", wrapped.text("value")).text("value"), "AAAA");

  stop();
  start_bare();
  clock_.advance(std::chrono::hours(24 * 60));
  vault_token_.clear();
  EXPECT_EQ(vault("GET", "keys/k1/versions").at("value")->get_array().size(), 4U) << "the policy outlives a restart";
  auto rotated = vault("POST", "keys/k1/rotate");
  EXPECT_NE(rotated.at("attributes.exp"), nullptr) << "rotation by hand follows the policy too";
}

TEST_F(Lifecycle, RotationCameWithItsApiVersion) {
  create("k1", {{"kty", "EC"}});
  auto at = [&](const std::string& method, const std::string& path, const std::string& version) {
    return call(method, cloud_.vault_uri + path + "?api-version=" + version, vault_token_);
  };
  expect_refused(at("POST", "keys/k1/rotate", "7.2"), 400, "BadParameter", "",
                 "Method POST does not allow operation 'rotate'");
  EXPECT_EQ(at("GET", "keys/k1/rotationpolicy", "7.2").status, 400U);
  EXPECT_EQ(at("POST", "keys/k1/rotate", "7.3").status, 200U);
  EXPECT_EQ(at("GET", "keys/k1/rotationpolicy", "7.6").status, 200U);
  EXPECT_EQ(at("GET", "keys/nope/rotationpolicy", "7.6").code(), "KeyNotFound");
  EXPECT_EQ(at("POST", "rng", "7.4").code(), "BadParameter") << "vaults have none";
}

TEST_F(Lifecycle, RetentionEndsWhenTheClockSaysSo) {
  make_vault("short-vault");
  json::object ec{{"kty", "EC"}};
  ASSERT_EQ(in_vault("short-vault", "POST", "keys/k1/create", ec).status, 200U);
  auto deleted = in_vault("short-vault", "DELETE", "keys/k1");
  EXPECT_EQ(deleted.at("scheduledPurgeDate")->to_number<std::int64_t>(),
            deleted.at("deletedDate")->to_number<std::int64_t>() + 7 * 86400);
  clock_.advance(std::chrono::hours(24 * 7) - std::chrono::seconds(1));
  EXPECT_EQ(in_vault("short-vault", "GET", "deletedkeys/k1").status, 200U);
  EXPECT_EQ(in_vault("short-vault", "POST", "keys/k1/create", ec).inner(), "ObjectIsDeletedButRecoverable");
  EXPECT_EQ(in_vault("short-vault", "PUT", "keys/k1", json::object{{"key", kEcJwk}}).inner(),
            "ObjectIsDeletedButRecoverable");
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(in_vault("short-vault", "GET", "deletedkeys/k1").code(), "KeyNotFound");
  EXPECT_EQ(in_vault("short-vault", "GET", "deletedkeys").at("value")->get_array().size(), 0U);
  std::ifstream state(folder_ + "/azure-state.json");
  std::string text((std::istreambuf_iterator<char>(state)), std::istreambuf_iterator<char>());
  EXPECT_EQ(text.find(R"("name":"k1")"), std::string::npos) << "its private key is gone";
  EXPECT_EQ(in_vault("short-vault", "POST", "keys/k1/create", ec).status, 200U);
}

TEST_F(Lifecycle, AKeyThatIsNotThereHasNoVersions) {
  auto expect_none = [&](const std::string& path) {
    auto reply = vault("GET", path);
    EXPECT_EQ(reply.status, 200U) << path << reply.body;
    EXPECT_EQ(reply.body, R"({"value":[],"nextLink":null})") << path;
  };
  expect_none("keys/no-such-key/versions");
  expect_none("keys/no-such-key/versions?maxresults=5");
  create("k1", {{"kty", "EC"}});
  ASSERT_EQ(vault("DELETE", "keys/k1").status, 200U);
  expect_none("keys/k1/versions");
  EXPECT_EQ(vault("GET", "keys/no-such-key/versions?maxresults=0").code(), "BadParameter");
  EXPECT_EQ(vault("GET", "keys/no-such-key").status, 404U);
  // A caller who may not list learns nothing.
  auto token = token_of(make_service("plain"), "https://vault.azure.net");
  EXPECT_EQ(vault("GET", "keys/no-such-key/versions", nullptr, token).status, 403U);
}

TEST_F(Lifecycle, TagsAreCountedInCharacters) {
  auto tagged = [&](const std::string& name, const std::string& value) {
    return vault("POST", "keys/k1/create", json::object{{"kty", "EC"}, {"tags", json::object{{name, value}}}});
  };
  const std::string han = "\u6f22";
  const std::string key = "\U0001F511";  // two of UTF-16's units
  auto kept = tagged(times(256, han), times(256, han));
  ASSERT_EQ(kept.status, 200U) << kept.body;
  EXPECT_EQ(kept.at("tags")->at(times(256, han)).as_string(), times(256, han));
  EXPECT_EQ(tagged("k", times(128, key)).status, 200U);
  EXPECT_EQ(tagged("k", times(129, key)).code(), "BadParameter");
  EXPECT_EQ(tagged("k", times(257, han)).code(), "BadParameter");
  EXPECT_EQ(tagged(times(257, han), "v").code(), "BadParameter");
}

class SlowDeletion : public VaultTest {
 protected:
  void SetUp() override {
    options_.deletion_delay = std::chrono::seconds(5);
    VaultTest::SetUp();
  }
};

TEST_F(SlowDeletion, AKeyIsNeitherHereNorThereForAWhile) {
  create("k1", {{"kty", "EC"}});
  ASSERT_EQ(vault("DELETE", "keys/k1").status, 200U);
  EXPECT_EQ(vault("GET", "keys/k1").code(), "KeyNotFound");
  EXPECT_EQ(vault("GET", "deletedkeys/k1").message(), "Deleted Key not found: k1");
  EXPECT_EQ(vault("GET", "deletedkeys").at("value")->get_array().size(), 0U);
  expect_refused(vault("POST", "keys/k1/create", json::object{{"kty", "EC"}}), 409, "Conflict", "ObjectIsBeingDeleted",
                 "Key is currently being deleted.");
  EXPECT_EQ(vault("POST", "deletedkeys/k1/recover").inner(), "ObjectIsBeingDeleted");
  clock_.advance(std::chrono::seconds(5));
  EXPECT_EQ(vault("GET", "deletedkeys/k1").status, 200U);
  ASSERT_EQ(vault("POST", "deletedkeys/k1/recover").status, 200U);
  EXPECT_EQ(vault("GET", "keys/k1").code(), "KeyNotFound");
  EXPECT_EQ(vault("GET", "keys").at("value")->get_array().size(), 0U);
  EXPECT_EQ(vault("POST", "keys/k1/create", json::object{{"kty", "EC"}}).inner(), "ObjectIsBeingRecovered");
  EXPECT_EQ(vault("DELETE", "keys/k1").inner(), "ObjectIsBeingRecovered");
  clock_.advance(std::chrono::seconds(5));
  EXPECT_EQ(vault("GET", "keys/k1").status, 200U);
}

TEST_F(Lifecycle, PagesGoOnWhereAKeyWentAway) {
  for (auto name : {"a", "b", "c", "d"}) create(name, {{"kty", "EC"}});
  auto first = vault("GET", "keys?maxresults=2");
  ASSERT_EQ(vault("DELETE", "keys/b").status, 200U);
  auto second = call("GET", first.text("nextLink"), vault_token_);
  ASSERT_EQ(second.at("value")->get_array().size(), 2U) << second.body;
  EXPECT_EQ(second.at("value")->get_array()[0].at("kid").as_string(), cloud_.vault_uri + "keys/c");
  EXPECT_TRUE(second.at("nextLink")->is_null());
  for (int i = 0; i < 3; ++i) vault("POST", "keys/a/rotate");
  auto versions = vault("GET", "keys/a/versions?maxresults=3");
  EXPECT_EQ(versions.at("value")->get_array().size(), 3U);
  EXPECT_EQ(call("GET", versions.text("nextLink"), vault_token_).at("value")->get_array().size(), 1U);
  EXPECT_EQ(vault("GET", "keys/a/versions?$skiptoken=AAAA").code(), "BadParameter");
  EXPECT_EQ(vault("GET", "keys?$skiptoken=!").code(), "BadParameter");
}

TEST_F(Lifecycle, APageHasTwentyFiveKeysAtTheMost) {
  for (int i = 0; i < 27; ++i) {
    if (i == 20) clock_.advance(std::chrono::seconds(10));
    create(fmt::format("key-{:02}", i), {{"kty", "EC"}});
  }
  auto first = vault("GET", "keys");
  EXPECT_EQ(first.at("value")->get_array().size(), 25U);
  EXPECT_EQ(call("GET", first.text("nextLink"), vault_token_).at("value")->get_array().size(), 2U);
}

TEST_F(Lifecycle, CreatingTooManyKeysIsThrottled) {
  for (int i = 0; i < 20; ++i) create("k", {{"kty", "EC"}});
  clock_.advance(std::chrono::seconds(3));
  auto throttled = vault("POST", "keys/k/create", json::object{{"kty", "EC"}});
  expect_refused(throttled, 429, "Throttled", "",
                 "Request was not processed because too many requests were received. Reason: "
                 "VaultRequestTypeLimitReached");
  EXPECT_EQ(throttled.headers.get("retry-after"), "7");
  EXPECT_EQ(vault("POST", "keys/k/rotate").status, 429U);
  EXPECT_EQ(vault("GET", "keys/k").status, 200U) << "other calls have their own budget";
  clock_.advance(std::chrono::seconds(7));
  create("k", {{"kty", "EC"}});
}

class Throttled : public VaultTest {
 protected:
  void SetUp() override {
    options_.throttle.software = 12;
    VaultTest::SetUp();
  }
};

TEST_F(Throttled, LargerKeysCostMore) {
  create("small");
  create("middle", {{"kty", "RSA"}, {"key_size", 3072}});
  EXPECT_EQ(use("middle", "wrapkey").status, 200U);
  EXPECT_EQ(use("middle", "wrapkey").status, 200U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(use("small", "wrapkey").status, 200U);
  EXPECT_EQ(use("middle", "wrapkey").status, 429U);
  EXPECT_EQ(use("small", "wrapkey").status, 200U) << "there is room for one of these";
  EXPECT_EQ(use("small", "wrapkey").status, 429U);
  EXPECT_EQ(audit_lines().back().at("properties").at("httpStatusCode").to_number<int>(), 429);
  clock_.advance(std::chrono::seconds(10));
  EXPECT_EQ(use("middle", "wrapkey").status, 200U);
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
