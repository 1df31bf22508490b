// A key in an Azure Key Vault or Managed HSM, as it was registered.
#pragma once

#include <optional>
#include <string>

#include "kms/key.hpp"

namespace latchkey::clouds::azure {

struct AzureKeyConfig {
  std::string vault_uri;  // as registered; vault_uri.hpp checks it
  std::string key_name;
  std::string tenant_id;
  std::optional<std::string> client_id;  // an app of the customer's own instead of the platform's
  bool operator==(const AzureKeyConfig&) const = default;
};

class AzureKey final : public kms::Key {
 public:
  static constexpr std::string_view kType = "azure";

  explicit AzureKey(AzureKeyConfig config) : config_(std::move(config)) {}
  [[nodiscard]] const AzureKeyConfig& config() const { return config_; }

  [[nodiscard]] std::string_view type() const override { return kType; }
  [[nodiscard]] boost::json::object to_json() const override;
  [[nodiscard]] std::string place() const override;
  // The vault's own limit counts all of its keys together.
  [[nodiscard]] kms::LimitScope limit_scope() const override;

 private:
  AzureKeyConfig config_;
};

[[nodiscard]] kms::KeyLocation location_of(AzureKeyConfig config, kms::AskedFor asked_for = {});

// The one name of a vault, however its URI is spelled: the host in lower case.
[[nodiscard]] std::string vault_host(const AzureKeyConfig& key);

}  // namespace latchkey::clouds::azure
