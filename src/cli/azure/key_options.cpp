#include "cli/azure/key_options.hpp"

#include "library/json_text.hpp"

namespace latchkey::cli::azure {

namespace {

class AzureKeyOptions final : public KeyOptionsOfCloud {
 public:
  [[nodiscard]] std::string_view type() const override { return "azure"; }

  void add_options(CLI::App& command, bool required) override {
    auto* vault = command.add_option("--vault-uri", vault_uri_, "https://NAME.vault.azure.net/");
    auto* key = command.add_option("--key-name", key_name_, "The key's name in the vault, without a version");
    auto* tenant = command.add_option("--tenant-id", tenant_id_, "The Entra tenant that governs the vault");
    if (required) {
      for (auto* option : {vault, key, tenant}) option->required();
    } else {
      vault->needs(key)->needs(tenant);
      key->needs(vault);
      tenant->needs(vault);
    }
    command.add_option("--client-id", client_id_, "An app of the customer's own instead of the platform's");
  }

  [[nodiscard]] bool given() const override { return !vault_uri_.empty(); }

  [[nodiscard]] boost::json::object provider_config() const override {
    boost::json::object config{
        {"type", type()}, {"vault_uri", vault_uri_}, {"key_name", key_name_}, {"tenant_id", tenant_id_}};
    if (!client_id_.empty()) config["client_id"] = client_id_;
    return config;
  }

  [[nodiscard]] std::vector<std::string> example() const override {
    return {"latchkey keys create --vault-uri https://contoso.vault.azure.net/ --key-name cmek \\",
            "    --tenant-id 72f988bf-86f1-41af-91ab-2d7cd011db47 --name 'Contoso production'"};
  }

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> fields(
      const boost::json::value& provider_config) const override {
    return {{"vault", library::text_at(provider_config, "vault_uri")},
            {"key", library::text_at(provider_config, "key_name")},
            {"tenant", library::text_at(provider_config, "tenant_id")}};
  }

 private:
  std::string vault_uri_;
  std::string key_name_;
  std::string tenant_id_;
  std::string client_id_;
};

}  // namespace

std::unique_ptr<KeyOptionsOfCloud> make_key_options() {
  return std::make_unique<AzureKeyOptions>();
}

}  // namespace latchkey::cli::azure
