#include "clouds/azure/emulator/testing/vault_fixture.hpp"
#include "clouds/azure/emulator/vault/geography.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

class Backup : public VaultTest {
 protected:
  Reply restore(const std::string& vault_name, const std::string& blob) {
    return in_vault(vault_name, "POST", "keys/restore", json::object{{"value", blob}});
  }
  std::string backup(const std::string& name) {
    auto reply = vault("POST", "keys/" + name + "/backup");
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return reply.text("value");
  }
};

TEST_F(Backup, BringsAllVersionsToAnotherVaultOfTheGeography) {
  auto first = create("k1", {{"kty", "RSA"}, {"tags", {{"a", "b"}}}});
  auto wrapped = use("k1", "wrapkey");
  vault("POST", "keys/k1/rotate");
  auto blob = backup("k1");
  EXPECT_EQ(audit_lines().back().at("operationName").as_string(), "KeyBackup");
  EXPECT_EQ(blob.find("PRIVATE"), std::string::npos);
  make_vault("other-vault", "westus2");
  auto restored = restore("other-vault", blob);
  ASSERT_EQ(restored.status, 200U) << restored.body;
  EXPECT_TRUE(restored.text("key.kid").starts_with("https://other-vault.vault.azure.net/keys/k1/"));
  EXPECT_EQ(restored.text("attributes.recoveryLevel"), "CustomizedRecoverable+Purgeable") << "of its new vault";
  auto opened = in_vault("other-vault", "POST", "keys/k1/" + version_of(first) + "/unwrapkey",
                         json::object{{"alg", "RSA-OAEP-256"}, {"value", wrapped.text("value")}});
  EXPECT_EQ(opened.text("value"), "AAAA") << opened.body;
  EXPECT_EQ(restore("other-vault", blob).code(), "Conflict") << "the name is taken";
  in_vault("other-vault", "DELETE", "keys/k1");
  EXPECT_EQ(restore("other-vault", blob).inner(), "ObjectIsDeletedButRecoverable");
  EXPECT_EQ(in_vault("other-vault", "DELETE", "deletedkeys/k1").status, 204U);
  EXPECT_EQ(restore("other-vault", blob).status, 200U) << "a backup outlives a purge";
}

TEST_F(Backup, StaysInItsGeography) {
  create("k1", {{"kty", "EC"}});
  make_vault("europe-vault", "westeurope");
  expect_refused(restore("europe-vault", backup("k1")), 400, "BadParameter", "", "Cannot decrypt backup blob.");
}

TEST_F(Backup, CannotBeReadOrChanged) {
  create("k1", {{"kty", "EC"}});
  make_vault("other-vault");
  auto blob = backup("k1");
  EXPECT_NE(blob, backup("k1")) << "each is sealed anew";
  auto bytes = base64url_decode(blob).value();
  for (std::size_t at : {std::size_t{0}, std::size_t{5}, bytes.size() / 2, bytes.size() - 1}) {
    auto damaged = bytes;
    damaged[at] ^= 1;
    expect_refused(restore("other-vault", base64url_encode(damaged)), 400, "BadParameter", "",
                   "Cannot decrypt backup blob.");
  }
  for (const auto* text : {"", "AAAA", "TEtCMQ"}) EXPECT_EQ(restore("other-vault", text).status, 400U) << text;
  EXPECT_EQ(restore("other-vault", "not base64url!").message(),
            "Content of 'value' is not base64url.\r\nProperty 'value' is required.\r\n");
  EXPECT_EQ(in_vault("other-vault", "POST", "keys/restore", json::object{}).message(),
            "Property 'value' is required.\r\n");
  EXPECT_EQ(vault("POST", "keys/nope/backup").code(), "KeyNotFound");
}

TEST_F(Backup, OfAnHsmKeyNeedsAPremiumVault) {
  make_vault("premium-one", "eastus", "premium");
  in_vault("premium-one", "POST", "keys/k1/create", json::object{{"kty", "EC-HSM"}});
  auto blob = in_vault("premium-one", "POST", "keys/k1/backup").text("value");
  make_vault("standard-one");
  EXPECT_EQ(restore("standard-one", blob).code(), "BadParameter");
  make_vault("premium-two", "eastus", "premium");
  EXPECT_EQ(restore("premium-two", blob).text("key.kty"), "EC-HSM");
}

TEST_F(Backup, IsOfOneEmulatorAndOutlivesItsRestart) {
  create("k1", {{"kty", "EC"}});
  auto blob = backup("k1");
  make_vault("other-vault");
  stop();
  start_bare();
  EXPECT_EQ(restore("other-vault", blob).status, 200U);
  stop();
  std::filesystem::remove_all(folder_);
  start_bare();
  vault_token_.clear();
  make_vault("new-vault");
  EXPECT_EQ(restore("new-vault", blob).message(), "Cannot decrypt backup blob.");
}

TEST_F(Backup, NeedsItsPermissions) {
  create("k1", {{"kty", "EC"}});
  auto service = make_service("reader");
  auto token = token_of(service, "https://vault.azure.net");
  auto denied = vault("POST", "keys/k1/backup", nullptr, token);
  EXPECT_NE(denied.message().find("Action: 'Microsoft.KeyVault/vaults/keys/backup/action'"), std::string::npos);
  denied = vault("POST", "keys/restore", json::object{{"value", "AAAA"}}, token);
  EXPECT_NE(denied.message().find("Action: 'Microsoft.KeyVault/vaults/keys/restore/action'"), std::string::npos);
}

TEST(Geography, GroupsRegions) {
  EXPECT_EQ(geography_of("eastus"), geography_of("westus3"));
  EXPECT_NE(geography_of("eastus"), geography_of("canadacentral"));
  EXPECT_EQ(geography_of("atlantis"), "atlantis");
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
