// PUT /keys/{name}: a private key that was made elsewhere, as a JWK.
#include <array>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "clouds/azure/emulator/vault/key_versions.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

Outcome<Bytes> read_number(const json::object& jwk, std::string_view name) {
  const auto* value = given(jwk, name);
  if (value == nullptr) return bad_parameter(fmt::format("Property '{}' is required.\r\n", name));
  auto decoded = value->is_string() ? base64url_decode(value->get_string())
                                    : Result<Bytes>(Error{ErrorCode::Invalid, "it is not a text"});
  if (!decoded || decoded.value().empty()) {
    return bad_parameter(fmt::format("Content of '{0}' is not base64url.\r\nProperty '{0}' is required.\r\n", name));
  }
  return std::move(decoded.value());
}

Outcome<SharedMaterial> finish(Result<SharedMaterial> made) {
  if (!made) return refuse_for(made.error());
  return std::move(made.value());
}

Outcome<SharedMaterial> read_rsa(const json::object& jwk) {
  std::array<Bytes, 8> numbers;
  std::size_t index = 0;
  for (auto name : {"n", "e", "d", "p", "q", "dp", "dq", "qi"}) {
    LATCHKEY_TRY(numbers[index++], read_number(jwk, name));
  }
  auto key = crypto::RsaKey::from_private(
      {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7]});
  if (!key) return bad_parameter("The numbers of 'key' are not an RSA private key.");
  if (!is_key_size(key.value().bits())) {
    return bad_parameter(
        fmt::format("RSA keys have 2048, 3072 or 4096 bits; that of 'key' has {}.", key.value().bits()));
  }
  return finish(to_material(std::move(key.value())));
}

Outcome<SharedMaterial> read_ec(const json::object& jwk) {
  const auto* curve = given(jwk, "crv");
  if (curve == nullptr) return bad_parameter("Property 'crv' is required.\r\n");
  if (!curve->is_string()) return invalid_value();
  LATCHKEY_TRY(auto x, read_number(jwk, "x"));
  LATCHKEY_TRY(auto y, read_number(jwk, "y"));
  LATCHKEY_TRY(auto d, read_number(jwk, "d"));
  auto key = crypto::EcKey::from_coordinates(curve->get_string(), {x, y, d});
  if (!key) return bad_parameter("The numbers of 'key' are not an EC private key on P-256, P-384, P-521 or P-256K.");
  return finish(to_material(std::move(key.value())));
}

// "Hsm" of the body, or an -HSM type of the JWK.
Outcome<bool> wants_hsm(const json::object& body, const KeyType& type) {
  for (auto name : {"Hsm", "hsm"}) {
    const auto* value = given(body, name);
    if (value == nullptr) continue;
    if (!value->is_bool()) return invalid_value();
    return value->get_bool() || type.hsm;
  }
  return type.hsm;
}

}  // namespace

Outcome<json::object> import_key(VaultCall& call) {
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* key = given(body, "key");
  if (key == nullptr) return bad_parameter("Property 'key' is required.\r\n");
  if (!key->is_object()) return invalid_value();
  const auto& jwk = key->get_object();
  if (given(body, "release_policy") != nullptr) {
    return bad_parameter("Release policies are not supported by this vault.");
  }
  if (given(jwk, "key_hsm") != nullptr) {
    return bad_parameter("Keys wrapped for another HSM ('key_hsm') cannot be imported into this vault.");
  }
  const auto* name = given(jwk, "kty");
  if (name == nullptr) return bad_parameter("Property 'kty' is required.\r\n");
  auto type = name->is_string() ? parse_key_type(name->get_string()) : std::nullopt;
  if (!type) return invalid_value();
  LATCHKEY_TRY(auto hsm, wants_hsm(body, *type));
  LATCHKEY_TRYV(check_protection(call.vault, hsm));
  LATCHKEY_TRY(auto request, read_key_request(body, jwk));
  auto version = new_version(call.cloud, call.now);
  version.hsm = hsm;
  version.operations = default_operations(type->elliptic);
  LATCHKEY_TRYV(apply(request, version));
  LATCHKEY_TRYV(check_name_is_free(call.vault, call, call.route.key));
  LATCHKEY_TRYV(charge_creation(call, hsm));
  Outcome<SharedMaterial> material = type->elliptic ? read_ec(jwk) : read_rsa(jwk);
  LATCHKEY_TRY(version.material, std::move(material));
  return add_version(call, std::move(version));
}

}  // namespace latchkey::clouds::azure::emulator
