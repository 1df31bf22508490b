#include "server/config.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "testing/matchers.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::server {
namespace {

using latchkey::testing::IsErrorThatSays;

using std::chrono::milliseconds;

std::optional<std::string> no_variables(const std::string&) {
  return std::nullopt;
}

class ServerConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pattern = ::testing::TempDir() + "/server_config_test_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& text) {
    auto path = folder_ + "/latchkey.toml";
    std::ofstream(path) << text;
    return path;
  }
  std::string refusal(const std::string& toml, const ConfigOverrides& overrides = {}) {
    auto config = load_server_config(write(toml), no_variables, overrides);
    return config ? "" : config.error().message();
  }
  std::string folder_;
};

TEST_F(ServerConfigTest, FlagsWinOverVariablesOverFileOverDefaults) {
  auto path = write("[server]\nport = 1\naddress = \"127.0.0.2\"\n[keyring]\nsoft = \"30s\"\n");
  auto variables = [](const std::string& name) -> std::optional<std::string> {
    if (name == "LATCHKEY_SERVER_PORT") return "2";
    if (name == "LATCHKEY_KEYRING_SOFT") return "20s";
    return std::nullopt;
  };
  auto config = load_server_config(path, variables, {{"server.port", "3"}});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config.value().port, 3);
  EXPECT_EQ(config.value().lease_soft, milliseconds(20'000));
  EXPECT_EQ(config.value().address, "127.0.0.2");
  EXPECT_EQ(config.value().lease_hard, milliseconds(3'600'000));
}

TEST_F(ServerConfigTest, TheAnnotatedExampleIsTheDefaults) {
  auto config = load_server_config(write(annotated_server_config()), no_variables, {});
  ASSERT_TRUE(config) << config.error().message();
  auto defaults = default_server_config();
  EXPECT_EQ(config.value().port, defaults.port);
  EXPECT_EQ(cloud_settings(config.value(), "azure"), cloud_settings(defaults, "azure"));
  EXPECT_EQ(config.value().lease_soft, defaults.lease_soft);
  EXPECT_EQ(config.value().database, defaults.database);
}

TEST_F(ServerConfigTest, TheExampleInTheDocsIsTheOneThatIsPrinted) {
  auto documented = read_file(latchkey::testing::source_path("docs/latchkey.example.toml"), 1 << 20);
  ASSERT_TRUE(documented) << documented.error().message();
  EXPECT_EQ(documented.value(), annotated_server_config())
      << "make it anew: latchkey serve --print-config > docs/latchkey.example.toml";
}

TEST_F(ServerConfigTest, MistakesAreNamedWithTheirPlaceAndTheCure) {
  struct Case {
    std::string toml;
    std::string expected;
  };
  const std::vector<Case> cases{
      {"[server]\nprot = 1\n", "latchkey.toml:2: there is no setting \"server.prot\""},
      {"port = 1\n", "latchkey.toml:1: there is no setting \"port\""},
      {"[server]\nport = 70000\n", "(server.port): expected a whole number from 0 to 65535, got \"70000\""},
      {"[server]\nport = 1.5\n", "expected a string, a whole number, true or false, or a list of strings"},
      {"[server\n", "latchkey.toml:1:"},
      {"[activity]\nretention = \"24h\"\n", "expected days, from 1d to 36525d, got \"24h\""},
      {"[activity]\nretention = \"0d\"\n", "expected days, from 1d to 36525d, got \"0d\""},
      {"[limits]\nreads_per_key = 0\n", "expected a whole number from 1 to 1000000000, got \"0\""},
      {"[store]\nquery_timeout = \"1ms\"\n", "store.query_timeout must be at least 100ms"},
      {"[keyring]\nsoft = \"soon\"\n", "expected a duration such as 250ms, 60s, 10m or 2h, got \"soon\""},
      {"[keyring]\nsoft = \"500ms\"\n", "keyring.soft must be at least 1s"},
      {"[keyring]\nhard = \"10s\"\n", "keyring.hard must not be below keyring.soft"},
      {"[keyring]\nhard = \"25h\"\n", "keyring.hard must be at most 24h"},
      {"[keyring]\nmost_soft = \"500ms\"\n", "keyring.most_soft must be from 1s to 24h"},
      {"[keyring]\nmost_soft = \"25h\"\n", "keyring.most_soft must be from 1s to 24h"},
      {"[keyring]\nmost_loan = \"0s\"\n", "keyring.most_loan must be from 1s to 1h"},
      {"[keyring]\nmost_loan = \"2h\"\n", "keyring.most_loan must be from 1s to 1h"},
      {"[keys]\norganization_binding = \"maybe\"\n", "expected off, warn or require, got \"maybe\""},
      {"[log]\nlevel = \"loud\"\n", "expected trace, debug, info, warn, error or off"},
      {"[server]\ntls_certificate_file = \"c\"\n", "go together: set both or neither"},
      {"[server]\nhealth_address = \"localhost:8599\"\n",
       "(server.health_address): expected an IP address such as 127.0.0.1, 0.0.0.0 or ::, without a port (that is "
       "server.health_port)"},
      {"[server]\nhealth_address = \"0.0.0.0\"\n",
       "server.health_address 0.0.0.0 is reached from other machines, and would serve plain HTTP"},
      {"[server]\nhealth_address = \"127.0.0.1\"\nhealth_port = 8600\n",
       "server.health_port must be another than server.port"},
      {"[azure]\nclient_id = \"x\"\n", "needs exactly one credential, and 0 are set"},
      {"[azure]\nclient_id = \"x\"\nclient_secret_file = \"a\"\nfederated_token_file = \"b\"\n", "and 2 are set"},
      {"[azure]\nclient_secret_file = \"a\"\n", "without azure.client_id"},
      {"[azure]\nvault_suffixes = [\"https://vault.azure.net/keys\"]\n",
       "(azure.vault_suffixes): expected host suffixes such as .vault.azure.net"},
      {"[azure]\nvault_suffixes = []\n", "(azure.vault_suffixes): expected host suffixes such as"},
      {"[azure]\nvault_suffixes = \".vault.azure.net,\"\n", "(azure.vault_suffixes): expected host suffixes such as"},
      {"[azure]\nlogin_host = \"http://login.microsoftonline.com\"\n", "(azure.login_host): expected a host such as"},
      {"[azure]\nlogin_host = \"https://login.microsoftonline.com/common\"\n", "(azure.login_host): expected a host"},
      {"[azure]\nsign_in_max_age = \"0s\"\n", "azure.sign_in_max_age must be from 1s to 24h"},
      {"[azure]\nsign_in_max_age = \"25h\"\n", "azure.sign_in_max_age must be from 1s to 24h"},
      {"[azure]\nlogin_host = \"\"\n", "(azure.login_host): expected a host"},
      {"[server]\naddress = \"0.0.0.0:8600\"\n",
       "(server.address): expected an IP address such as 127.0.0.1, 0.0.0.0 or ::, without a port (that is "
       "server.port), got \"0.0.0.0:8600\""},
      {"[server]\naddress = \"http://0.0.0.0\"\n", "(server.address): expected an IP address"},
      {"[server]\naddress = \"*\"\n", "(server.address): expected an IP address"},
      {"[outbound]\nproxy = \"ftp://proxy.example\"\n", "(outbound.proxy): expected a proxy such as"},
      {"[webhooks]\nproxy = \"http://proxy.example:port\"\n", "(webhooks.proxy): expected a proxy such as"},
  };
  for (const auto& test : cases) {
    EXPECT_NE(refusal(test.toml).find(test.expected), std::string::npos) << test.toml << " -> " << refusal(test.toml);
  }
  EXPECT_NE(refusal("", {{"server.colour", "red"}}).find("--set: there is no setting \"server.colour\""),
            std::string::npos);
  EXPECT_THAT(load_server_config(folder_ + "/missing.toml", no_variables, {}),
              IsErrorThatSays(::testing::HasSubstr("missing.toml")));
}

TEST_F(ServerConfigTest, HostsMayBeWrittenAsPeopleWriteThem) {
  auto config = load_server_config(
      write("[server]\naddress = \" LocalHost \"\n[azure]\nlogin_host = \"HTTPS://Login.MicrosoftOnline.US./\"\n"
            "vault_suffixes = \"https://Vault.USGovCloudAPI.net/, *.managedhsm.usgovcloudapi.net\"\n"
            "[outbound]\nproxy = \" proxy.example:3128 \"\n"),
      no_variables, {});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config.value().address, "127.0.0.1");
  auto azure = cloud_settings(config.value(), "azure");
  EXPECT_EQ(azure.at("login_host"), "login.microsoftonline.us");
  EXPECT_EQ(azure.at("vault_suffixes"), ".vault.usgovcloudapi.net,.managedhsm.usgovcloudapi.net");
  EXPECT_EQ(config.value().proxy, "proxy.example:3128");
  EXPECT_EQ(load_server_config(write("[server]\naddress = \"[::]\"\nbehind_tls_proxy = true\n"), no_variables, {})
                .value()
                .address,
            "::");
}

TEST_F(ServerConfigTest, PlainHttpIsServedOnLoopbackAloneUnlessSomethingInFrontDoesTls) {
  for (const char* address : {"0.0.0.0", "::", "192.0.2.1", "2001:db8::1"}) {
    auto plain = load_server_config(write(fmt::format("[server]\naddress = \"{}\"\n", address)), no_variables, {});
    ASSERT_FALSE(plain) << address;
    EXPECT_THAT(plain.error().message(), ::testing::HasSubstr("server.behind_tls_proxy = true")) << address;
    for (const char* cure : {"behind_tls_proxy = true", "tls_certificate_file = \"a\"\ntls_private_key_file = \"b\""}) {
      auto cured = write(fmt::format("[server]\naddress = \"{}\"\n{}\n", address, cure));
      EXPECT_TRUE(load_server_config(cured, no_variables, {})) << address << ' ' << cure;
    }
  }
  for (const char* address : {"127.0.0.1", "127.8.8.8", "::1", "localhost"}) {
    EXPECT_TRUE(load_server_config(write(fmt::format("[server]\naddress = \"{}\"\n", address)), no_variables, {}))
        << address;
  }
}

TEST_F(ServerConfigTest, AProxysPasswordIsNotRepeated) {
  for (std::string name : {"outbound.proxy", "webhooks.proxy"}) {
    auto message = refusal("", {{name, "http://me:secret@proxy.example:port"}});
    EXPECT_NE(message.find(name), std::string::npos);
    EXPECT_EQ(message.find("secret"), std::string::npos) << message;
  }
}

TEST_F(ServerConfigTest, ListsMayBeWrittenAsLists) {
  auto config = load_server_config(write("[azure]\nvault_suffixes = [\".vault.azure.cn\", \".managedhsm.azure.cn\"]\n"),
                                   no_variables, {});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(cloud_settings(config.value(), "azure").at("vault_suffixes"), ".vault.azure.cn,.managedhsm.azure.cn");
}

}  // namespace
}  // namespace latchkey::server
