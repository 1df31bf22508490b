#include "admin/key_config.hpp"

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/id.hpp"
#include "base/json_fields.hpp"
#include "kms/azure/vault_uri.hpp"

namespace latchkey::admin {

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
  return about(path, checked.error().message);
}

Result<kms::AzureKey> read_azure(const json::object& object, std::string_view path) {
  kms::AzureKey key;
  LATCHKEY_TRY(key.vault_uri, json_fields::required_text(object, path, "vault_uri", kUri));
  LATCHKEY_TRY(key.key_name, json_fields::required_text(object, path, "key_name", kName));
  LATCHKEY_TRY(key.tenant_id, json_fields::required_text(object, path, "tenant_id", kName));
  LATCHKEY_TRY(key.client_id, json_fields::nullable_text(object, path, "client_id", kName));
  return key;
}

Result<void> check_azure(const kms::AzureKey& key, std::string_view path, std::span<const std::string> vault_suffixes) {
  if (auto uri = kms::azure::parse_vault_uri(key.vault_uri, vault_suffixes); !uri) {
    return about(join_path(path, "vault_uri"), uri.error().message);
  }
  LATCHKEY_TRYV(with_path(kms::azure::check_key_name(key.key_name), join_path(path, "key_name")));
  LATCHKEY_TRYV(with_path(kms::azure::check_tenant_id(key.tenant_id), join_path(path, "tenant_id")));
  if (key.client_id && !parse_uuid(*key.client_id)) {
    return about(join_path(path, "client_id"),
                 "Not the application (client) id of an app registration, which is a GUID such as "
                 "11111111-2222-4333-8444-555555555555. Leave it out to use this service's own app.");
  }
  return success();
}

}  // namespace

Result<KeyConfig> parse_key_config(const json::value& json, std::string_view path,
                                   std::span<const std::string> vault_suffixes) {
  const auto* object = json.if_object();
  if (object == nullptr) return about(path, "Input should be an object");
  LATCHKEY_TRY(auto type, json_fields::required_text(*object, path, "type", {}));
  auto type_path = join_path(path, "type");
  if (type == "aws" || type == "gcp") {
    return about(
        type_path,
        fmt::format("'{}' is not supported by this server yet; register a key in Azure Key Vault with 'azure'", type));
  }
  if (type != "azure") return about(type_path, "Input should be 'aws', 'azure' or 'gcp'");
  LATCHKEY_TRYV(
      json_fields::refuse_unknown(*object, path, {"type", "vault_uri", "key_name", "tenant_id", "client_id"}));
  LATCHKEY_TRY(auto key, read_azure(*object, path));
  LATCHKEY_TRYV(check_azure(key, path, vault_suffixes));
  return KeyConfig{std::move(type), std::move(key)};
}

json::object to_json(const KeyConfig& config) {
  json::object object{{"type", config.provider}};
  if (const auto* key = std::get_if<kms::AzureKey>(&config.location)) {
    object["vault_uri"] = key->vault_uri;
    object["key_name"] = key->key_name;
    object["tenant_id"] = key->tenant_id;
    object["client_id"] = key->client_id ? json::value(*key->client_id) : json::value(nullptr);
  }
  return object;
}

Result<KeyConfig> stored_key_config(const store::ExternalKey& row) {
  auto unreadable = [&row](Error cause) {
    return caused_by(std::move(cause), ErrorCode::Internal,
                     fmt::format("The provider_config of external key {} cannot be read from the store.", row.id));
  };
  auto object = json_fields::parse_object(row.provider_config);
  if (!object) return unreadable(object.error());
  if (row.provider != "azure") return unreadable(Error{ErrorCode::Internal, "unknown provider " + row.provider});
  auto key = read_azure(object.value(), "provider_config");
  if (!key) return unreadable(key.error());
  key.value().asked_for = {format_uuid(row.organization), row.id};
  return KeyConfig{row.provider, std::move(key.value())};
}

}  // namespace latchkey::admin
