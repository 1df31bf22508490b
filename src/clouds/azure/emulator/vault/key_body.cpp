#include "clouds/azure/emulator/vault/key_body.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "clouds/azure/emulator/vault/key_rules.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

Outcome<std::optional<Seconds>> read_seconds(const json::object& attributes, std::string_view name) {
  const auto* value = given(attributes, name);
  if (value == nullptr) return std::optional<Seconds>();
  if (!value->is_int64() || value->get_int64() < 0) return invalid_value();
  return std::optional<Seconds>(value->get_int64());
}

Outcome<void> read_attributes(const json::object& body, KeyRequest& request) {
  const auto* value = given(body, "attributes");
  if (value == nullptr) return success();
  if (!value->is_object()) return invalid_value();
  const auto& attributes = value->get_object();
  if (const auto* enabled = given(attributes, "enabled"); enabled != nullptr) {
    if (!enabled->is_bool()) return invalid_value();
    request.enabled = enabled->get_bool();
  }
  if (const auto* exportable = given(attributes, "exportable"); exportable != nullptr) {
    if (!exportable->is_bool() || exportable->get_bool()) {
      return bad_parameter("Exportable keys are not supported by this vault.");
    }
  }
  LATCHKEY_TRY(request.not_before, read_seconds(attributes, "nbf"));
  LATCHKEY_TRY(request.expires, read_seconds(attributes, "exp"));
  return success();
}

Outcome<void> read_operations(const json::object& body, KeyRequest& request) {
  const auto* value = given(body, "key_ops");
  if (value == nullptr) return success();
  if (!value->is_array()) return invalid_value();
  std::vector<std::string> operations;
  for (const auto& item : value->get_array()) {
    if (!item.is_string() || !is_key_operation_text(item.get_string())) return invalid_value();
    std::string name(item.get_string());
    if (std::find(operations.begin(), operations.end(), name) == operations.end()) operations.push_back(name);
  }
  request.operations = std::move(operations);
  return success();
}

Outcome<void> read_tags(const json::object& body, KeyRequest& request) {
  constexpr std::size_t kMaxTags = 15;
  constexpr std::size_t kMaxTagText = 256;
  const auto* value = given(body, "tags");
  if (value == nullptr) return success();
  if (!value->is_object() || value->get_object().size() > kMaxTags) return invalid_value();
  for (const auto& [name, text] : value->get_object()) {
    if (!text.is_string() || utf8::utf16_units(text.get_string()) > kMaxTagText ||
        utf8::utf16_units(name) > kMaxTagText) {
      return invalid_value();
    }
  }
  request.tags = value->get_object();
  return success();
}

Outcome<std::string> read_curve(const json::object& body) {
  const auto* curve = given(body, "crv");
  if (curve == nullptr) return std::string("P-256");
  if (!curve->is_string()) return invalid_value();
  std::string name(curve->get_string());
  for (auto known : {"P-256", "P-384", "P-521", "P-256K"}) {
    if (name == known) return name;
  }
  return invalid_value();
}

}  // namespace

const json::value* given(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Outcome<KeyRequest> read_key_request(const json::object& body, const json::object& operations_in) {
  KeyRequest request;
  LATCHKEY_TRYV(read_attributes(body, request));
  LATCHKEY_TRYV(read_operations(operations_in, request));
  LATCHKEY_TRYV(read_tags(body, request));
  return request;
}

Outcome<void> apply(const KeyRequest& request, KeyVersion& version) {
  if (request.operations) version.operations = *request.operations;
  if (request.enabled) version.enabled = *request.enabled;
  if (request.not_before) version.not_before = request.not_before;
  if (request.expires) version.expires = request.expires;
  if (request.tags) version.tags = *request.tags;
  if (version.not_before && version.expires && *version.not_before > *version.expires) return invalid_value();
  return success();
}

std::optional<KeyType> parse_key_type(std::string_view text) {
  if (text == "RSA") return KeyType{false, false};
  if (text == "RSA-HSM") return KeyType{false, true};
  if (text == "EC") return KeyType{true, false};
  if (text == "EC-HSM") return KeyType{true, true};
  return std::nullopt;
}

Outcome<void> check_protection(const Vault& vault, bool hsm) {
  if (vault.managed_hsm && !hsm) return bad_parameter("A managed HSM has keys of the types RSA-HSM and EC-HSM alone.");
  if (hsm && !vault.managed_hsm && vault.sku != "premium") {
    return bad_parameter("HSM-protected keys are not supported by a vault of the standard SKU; use a premium vault.");
  }
  return success();
}

bool is_key_size(std::int64_t bits) {
  return bits == 2048 || bits == 3072 || bits == 4096;
}

std::vector<std::string> default_operations(bool elliptic) {
  if (elliptic) return {"sign", "verify"};
  return {"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"};
}

Outcome<KeyPlan> read_plan(const Vault& vault, const json::object& body) {
  constexpr std::int64_t kExponent = 65537;
  if (given(body, "release_policy") != nullptr) {
    return bad_parameter("Release policies are not supported by this vault.");
  }
  const auto* name = given(body, "kty");
  if (name == nullptr) return bad_parameter("Property 'kty' is required.\r\n");
  auto type = name->is_string() ? parse_key_type(name->get_string()) : std::nullopt;
  if (!type) return invalid_value();
  LATCHKEY_TRYV(check_protection(vault, type->hsm));
  KeyPlan plan;
  plan.hsm = type->hsm;
  if (type->elliptic) {
    LATCHKEY_TRY(plan.curve, read_curve(body));
    return plan;
  }
  if (const auto* exponent = given(body, "public_exponent"); exponent != nullptr) {
    if (!exponent->is_int64() || exponent->get_int64() != kExponent) return invalid_value();
  }
  if (const auto* size = given(body, "key_size"); size != nullptr) {
    if (!size->is_int64() || !is_key_size(size->get_int64())) return invalid_value();
    plan.bits = static_cast<unsigned>(size->get_int64());
  }
  return plan;
}

KeyPlan plan_like(const KeyVersion& version) {
  KeyPlan plan;
  plan.hsm = version.hsm;
  if (version.material->ec) {
    plan.curve = version.material->ec->curve();
  } else {
    plan.bits = version.material->rsa->bits();
  }
  return plan;
}

}  // namespace latchkey::clouds::azure::emulator
