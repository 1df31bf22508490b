// provider_config: the union on "type" of the contract, as values and as JSON. The one place that knows both.
#pragma once

#include <span>
#include <string>

#include <boost/json/value.hpp>

#include "base/result.hpp"
#include "kms/key_provider.hpp"
#include "store/rows.hpp"

namespace latchkey::admin {

struct KeyConfig {
  std::string provider;  // "azure"
  kms::KeyLocation location;
};

// Reads and checks the object, with `path` ("provider_config") in front of each complaint: unknown fields
// ("provider_config.foo: Extra inputs are not permitted"), missing ones ("provider_config.key_name: Field required"),
// wrong types, bad values. "aws" and "gcp": "provider_config.type: ... is not supported by this server yet; ...".
[[nodiscard]] Result<KeyConfig> parse_key_config(const boost::json::value& json, std::string_view path,
                                                 std::span<const std::string> vault_suffixes);
// As the API shows it and the store keeps it: every documented field, client_id null where absent.
[[nodiscard]] boost::json::object to_json(const KeyConfig& config);
// What the store gives back; Internal where it does not read.
[[nodiscard]] Result<KeyConfig> stored_key_config(const store::ExternalKey& row);

}  // namespace latchkey::admin
