#include "clouds/azure/provider/azure_provider.hpp"

#include <algorithm>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/id.hpp"
#include "base/json_fields.hpp"
#include "clouds/azure/provider/azure_key.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/key_target.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "kms/validation.hpp"

namespace latchkey::clouds::azure {

namespace json = boost::json;
using json_fields::join_path;

namespace {

constexpr json_fields::TextLimits kUri{1, 2048};
constexpr json_fields::TextLimits kName{1, 255};

Error about(std::string_view path, std::string_view complaint) {
  return Error{ErrorCode::Invalid, fmt::format("{}: {}", path, complaint)};
}

Result<void> with_path(const Result<void>& checked, std::string_view path) {
  if (checked) return success();
  return about(path, checked.error().message());
}

Result<AzureKeyConfig> read(const json::object& object, std::string_view path) {
  AzureKeyConfig key;
  LATCHKEY_TRY(key.vault_uri, json_fields::required_text(object, path, "vault_uri", kUri));
  LATCHKEY_TRY(key.key_name, json_fields::required_text(object, path, "key_name", kName));
  LATCHKEY_TRY(key.tenant_id, json_fields::required_text(object, path, "tenant_id", kName));
  LATCHKEY_TRY(key.client_id, json_fields::nullable_text(object, path, "client_id", kName));
  return key;
}

Result<void> check(const AzureKeyConfig& key, std::string_view path, std::span<const std::string> vault_suffixes) {
  if (auto uri = parse_vault_uri(key.vault_uri, vault_suffixes); !uri) {
    return about(join_path(path, "vault_uri"), uri.error().message());
  }
  LATCHKEY_TRYV(with_path(check_key_name(key.key_name), join_path(path, "key_name")));
  LATCHKEY_TRYV(with_path(check_tenant_id(key.tenant_id), join_path(path, "tenant_id")));
  if (key.client_id && !parse_uuid(*key.client_id)) {
    return about(join_path(path, "client_id"),
                 "Not the application (client) id of an app registration, which is a GUID such as "
                 "11111111-2222-4333-8444-555555555555. Leave it out to use this service's own app.");
  }
  return success();
}

AzureArguments arguments_of(const kms::Key& key) {
  const auto* azure = dynamic_cast<const AzureKey*>(&key);
  return azure == nullptr ? AzureArguments{} : azure::arguments_of(azure->config());
}

Result<void> check_kind(const kms::KeyDescription& key, AzureArguments arguments,
                        const kms::ValidationSettings& settings) {
  arguments.size = std::to_string(std::max(settings.minimum_rsa_bits, 3072U));
  if (key.type != "RSA" && key.type != "RSA-HSM") {
    arguments.unfit = fmt::format("is of type {}; it must be RSA or RSA-HSM", key.type.empty() ? "unknown" : key.type);
    return reason_error(reason::kKeyUnsuitable, arguments);
  }
  if (key.bits < settings.minimum_rsa_bits) {
    arguments.unfit = fmt::format("has {} bits; it must have at least {}", key.bits, settings.minimum_rsa_bits);
    return reason_error(reason::kKeyUnsuitable, arguments);
  }
  return success();
}

Result<void> check_state(const kms::KeyDescription& key, AzureArguments arguments, Timestamp now) {
  if (!key.enabled) return reason_error(reason::kKeyDisabled, arguments);
  if (key.not_before && now < *key.not_before) {
    arguments.when = fmt::format(" (before {})", format_timestamp(*key.not_before));
    return reason_error(reason::kKeyNotYetValid, arguments);
  }
  if (key.expires && now >= *key.expires) {
    arguments.when = fmt::format(" (at {})", format_timestamp(*key.expires));
    return reason_error(reason::kKeyExpired, arguments);
  }
  for (std::string_view needed : {"wrapKey", "unwrapKey"}) {
    if (std::find(key.operations.begin(), key.operations.end(), needed) != key.operations.end()) continue;
    arguments.operation = needed;
    return reason_error(reason::kKeyOperation, arguments);
  }
  return success();
}

class AzureProvider final : public kms::Provider {
 public:
  AzureProvider(std::vector<std::string> vault_suffixes, std::shared_ptr<kms::KeyProvider> keys)
      : vault_suffixes_(std::move(vault_suffixes)), keys_(std::move(keys)) {}

  [[nodiscard]] std::string_view type() const override { return AzureKey::kType; }
  [[nodiscard]] std::string_view title() const override { return "a key in Azure Key Vault"; }
  [[nodiscard]] std::string cure_of_disabled(const kms::Key&, std::string_view key_version) const override {
    return fmt::format("Enable it: az keyvault key set-attributes --id {} --enabled true", key_version);
  }

  [[nodiscard]] Result<std::shared_ptr<const kms::Key>> parse(const json::object& config,
                                                              std::string_view path) const override {
    LATCHKEY_TRYV(
        json_fields::refuse_unknown(config, path, {"type", "vault_uri", "key_name", "tenant_id", "client_id"}));
    LATCHKEY_TRY(auto key, read(config, path));
    LATCHKEY_TRYV(check(key, path, vault_suffixes_));
    return std::shared_ptr<const kms::Key>(std::make_shared<const AzureKey>(std::move(key)));
  }

  [[nodiscard]] Result<std::shared_ptr<const kms::Key>> read_stored(const json::object& config) const override {
    return read_stored_key(config);
  }

  [[nodiscard]] Result<void> check_suitable(const kms::Key& key, const kms::KeyDescription& description,
                                            const kms::ValidationSettings& settings, Timestamp now) const override {
    auto arguments = arguments_of(key);
    LATCHKEY_TRYV(check_kind(description, arguments, settings));
    return check_state(description, arguments, now);
  }

  [[nodiscard]] Task<Result<void>> check_bound(kms::KeyProvider&, const kms::KeyLocation& key,
                                               const kms::KeyDescription& description,
                                               const kms::ValidationSettings& settings, Deadline) const override {
    auto bound = [&](const auto& tag) { return tag.first == settings.binding_tag && tag.second == "true"; };
    if (std::ranges::any_of(description.tags, bound)) co_return success();
    auto arguments = arguments_of(key.key());
    arguments.tag = settings.binding_tag;
    co_return reason_error(reason::kOrganizationTagMissing, arguments);
  }

  Task<Result<kms::WrappedKey>> wrap(const kms::KeyLocation& key, const kms::Binding& binding,
                                     const crypto::SecretBytes& secret, Deadline deadline) override {
    if (!keys_) co_return not_set_up();
    co_return co_await keys_->wrap(key, binding, secret, deadline);
  }
  Task<Result<kms::UnwrappedKey>> unwrap(const kms::KeyLocation& key, const kms::Binding& binding,
                                         const kms::WrappedKey& wrapped, Deadline deadline) override {
    if (!keys_) co_return not_set_up();
    co_return co_await keys_->unwrap(key, binding, wrapped, deadline);
  }
  Task<Result<kms::KeyDescription>> describe(const kms::KeyLocation& key, Deadline deadline) override {
    if (!keys_) co_return not_set_up();
    co_return co_await keys_->describe(key, deadline);
  }

 private:
  static Error not_set_up() {
    return {ErrorCode::Invalid,
            "this server is not set up for Azure Key Vault: its operator must set azure.client_id and a credential"};
  }

  std::vector<std::string> vault_suffixes_;
  std::shared_ptr<kms::KeyProvider> keys_;
};

}  // namespace

Result<std::shared_ptr<const kms::Key>> read_stored_key(const json::object& config) {
  LATCHKEY_TRY(auto key, read(config, "provider_config"));
  return std::shared_ptr<const kms::Key>(std::make_shared<const AzureKey>(std::move(key)));
}

std::shared_ptr<kms::Provider> make_azure_provider(std::vector<std::string> vault_suffixes,
                                                   std::shared_ptr<kms::KeyProvider> keys) {
  return std::make_shared<AzureProvider>(std::move(vault_suffixes), std::move(keys));
}

}  // namespace latchkey::clouds::azure
