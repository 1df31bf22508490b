#include "clouds/azure/provider/azure_cloud.hpp"

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>
#include <fmt/format.h>

#include "base/duration.hpp"
#include "base/log.hpp"
#include "clouds/azure/provider/azure_key.hpp"
#include "clouds/azure/provider/azure_key_provider.hpp"
#include "clouds/azure/provider/azure_provider.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "crypto/credential_files.hpp"
#include "http/url.hpp"

namespace latchkey::clouds::azure {

namespace {

using kms::SettingSpec;
using kms::SettingValues;

constexpr std::chrono::seconds kLeastSignInAge{1};
constexpr std::chrono::hours kMostSignInAge{24};

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> items;
  boost::split(items, text, boost::is_any_of(","));
  return items;
}

Result<std::string> read_suffixes(const std::string& text) {
  std::vector<std::string> suffixes;
  for (const auto& written : list_of(text)) {
    LATCHKEY_TRY(auto suffix, http::read_host_suffix(written));
    suffixes.push_back(std::move(suffix));
  }
  return boost::join(suffixes, ",");
}

Result<std::string> read_duration(const std::string& text) {
  LATCHKEY_TRYV(parse_duration(text));
  return text;
}

std::vector<SettingSpec> all_settings() {
  return {
      {"client_id",
       "The client id of your multi-tenant Entra app, the one that customers consent to.\nEmpty: Azure keys cannot be "
       "used. Give the app exactly one credential of the three below.",
       ""},
      {"client_secret_file", "A file with the app's client secret.", ""},
      {"certificate_file", "PEM file with the app's certificate; better than a secret.", ""},
      {"private_key_file", "PEM file with the private key of that certificate.", ""},
      {"federated_token_file",
       "A file with a token of another issuer that the app trusts (workload identity federation);\nbest: no secret at "
       "all. It is read anew for each token, as AKS rotates it (AZURE_FEDERATED_TOKEN_FILE there).",
       ""},
      {"login_host", "The Entra host of your cloud.", "login.microsoftonline.com", true, http::read_host},
      {"vault_suffixes", "Customers' vaults must be under one of these; comma-separated.",
       boost::join(public_cloud_suffixes(), ","), true, read_suffixes},
      {"sign_in_max_age",
       "The age at which a customer's Entra tenant is asked anew whether your app may sign in, however long the token "
       "lives:\nwithin this and keyring.soft a revocation at Entra takes effect. An organisation whose own soft age is "
       "shorter is asked\nfor as often. While Entra cannot be asked the token serves on, up to keyring.hard.",
       "5m", true, read_duration},
  };
}

Error refuse(std::string message) {
  return Error{ErrorCode::Invalid, std::move(message)};
}

// The credential of the platform's app. check() has made sure that there is one.
Result<Credential> read_credential(const SettingValues& values) {
  if (const auto& path = values.at("federated_token_file"); !path.empty()) return FederatedTokenFile{path};
  if (const auto& path = values.at("certificate_file"); !path.empty()) {
    LATCHKEY_TRY(auto pair, crypto::read_certified_key_files({"azure.certificate_file", path},
                                                             {"azure.private_key_file", values.at("private_key_file")},
                                                             crypto::KeyKind::Rsa));
    auto key = crypto::RsaKey::from_pem(as_text(pair.private_key_pem.reveal()));
    if (!key) return crypto::in_setting("azure.private_key_file", key.error());
    return ClientCertificate{std::move(pair.certificate_pem), std::move(key).value()};
  }
  LATCHKEY_TRY(auto secret, crypto::read_secret_file({"azure.client_secret_file", values.at("client_secret_file")}));
  return ClientSecret{std::move(secret)};
}

class AzureCloud final : public kms::Cloud {
 public:
  [[nodiscard]] std::string_view type() const override { return AzureKey::kType; }

  [[nodiscard]] const std::vector<SettingSpec>& settings() const override {
    static const std::vector<SettingSpec> kSettings = all_settings();
    return kSettings;
  }

  [[nodiscard]] Result<void> check(const SettingValues& values) const override {
    LATCHKEY_TRY(auto sign_in_age, parse_duration(values.at("sign_in_max_age")));
    if (sign_in_age < kLeastSignInAge || sign_in_age > kMostSignInAge) {
      return refuse("azure.sign_in_max_age must be from 1s to 24h");
    }
    bool has_certificate = !values.at("certificate_file").empty();
    if (has_certificate == values.at("private_key_file").empty()) {
      return refuse("azure.certificate_file and azure.private_key_file go together: set both or neither");
    }
    int credentials = static_cast<int>(!values.at("client_secret_file").empty()) + static_cast<int>(has_certificate) +
                      static_cast<int>(!values.at("federated_token_file").empty());
    bool has_app = !values.at("client_id").empty();
    if (has_app && credentials != 1) {
      return refuse(
          fmt::format("azure.client_id needs exactly one credential, and {} are set: give one of "
                      "azure.federated_token_file, azure.certificate_file or azure.client_secret_file",
                      credentials));
    }
    if (!has_app && credentials != 0) {
      return refuse("an azure credential is set without azure.client_id: set the client id of your Entra app");
    }
    return success();
  }

  [[nodiscard]] Result<std::shared_ptr<kms::Provider>> make_provider(const SettingValues& values,
                                                                     const kms::CloudParts& parts) const override {
    auto suffixes = list_of(values.at("vault_suffixes"));
    if (values.at("client_id").empty()) {
      SPDLOG_WARN(
          "azure.client_id is not set: keys in Azure Key Vault can be registered, and neither validated nor used");
      return make_azure_provider(std::move(suffixes), nullptr);
    }
    AzureOptions options;
    LATCHKEY_TRY(options.credential, read_credential(values));
    LATCHKEY_TRY(options.sign_in.soft, parse_duration(values.at("sign_in_max_age")));
    options.sign_in.hard = parts.lease_hard;
    options.login_host = values.at("login_host");
    options.vault_suffixes = suffixes;
    options.client_id = values.at("client_id");
    options.read_terms = parts.read_terms;
    auto keys = make_azure_key_provider(std::move(options), parts.client, parts.clock, parts.random, parts.pool,
                                        parts.executor);
    return make_azure_provider(std::move(suffixes), std::move(keys));
  }

  [[nodiscard]] kms::CloudReasons reasons() const override { return azure_reasons(); }

  [[nodiscard]] Result<std::shared_ptr<const kms::Key>> read_stored(const boost::json::object& config) const override {
    return read_stored_key(config);
  }
};

}  // namespace

const kms::Cloud& cloud() {
  static const AzureCloud kCloud;
  return kCloud;
}

}  // namespace latchkey::clouds::azure
