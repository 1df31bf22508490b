#include <array>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "emulator/azure/vault_call.hpp"

namespace latchkey::emulator::azure {

namespace json = boost::json;

namespace {

using crypto::RsaEncryption;
using crypto::RsaSignature;

constexpr std::array<std::pair<std::string_view, RsaEncryption>, 3> kEncryptions = {{
    {"RSA-OAEP-256", RsaEncryption::OaepSha256},
    {"RSA-OAEP", RsaEncryption::OaepSha1},
    {"RSA1_5", RsaEncryption::Pkcs1v15},
}};

struct SignatureKind {
  std::string_view name;
  RsaSignature algorithm;
  std::size_t digest_size;
};
constexpr std::array<SignatureKind, 6> kSignatures = {{{"RS256", RsaSignature::Rs256, 32},
                                                       {"RS384", RsaSignature::Rs384, 48},
                                                       {"RS512", RsaSignature::Rs512, 64},
                                                       {"PS256", RsaSignature::Ps256, 32},
                                                       {"PS384", RsaSignature::Ps384, 48},
                                                       {"PS512", RsaSignature::Ps512, 64}}};

// The answer of a refusal that names the property at fault.
Outcome<Bytes> read_bytes(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return bad_parameter(fmt::format("Property '{}' is required.\r\n", name));
  auto decoded = value->is_string() ? base64url_decode(value->get_string())
                                    : Result<Bytes>(Error{ErrorCode::Invalid, "it is not a text"});
  if (!decoded) {
    return bad_parameter(fmt::format("Content of '{0}' is not base64url.\r\nProperty '{0}' is required.\r\n", name));
  }
  return std::move(decoded.value());
}

Outcome<std::string> read_algorithm(const json::object& body) {
  const auto* value = body.if_contains("alg");
  if (value == nullptr || value->is_null()) return bad_parameter("Property 'alg' is required.\r\n");
  if (!value->is_string()) return invalid_value();
  return std::string(value->get_string());
}

json::object answer(const VaultCall& call, const FoundKey& found, ByteView value) {
  return {{"kid", key_id(call, found.key->name, found.version->id)}, {"value", base64url_encode(value)}};
}

Outcome<json::object> encrypt_or_decrypt(const VaultCall& call, const FoundKey& found, const json::object& body,
                                         std::string_view name, bool encrypts) {
  const auto* kind =
      std::find_if(kEncryptions.begin(), kEncryptions.end(), [&](const auto& known) { return known.first == name; });
  if (kind == kEncryptions.end()) return invalid_value();
  LATCHKEY_TRY(auto value, read_bytes(body, "value"));
  const auto& key = *found.version->material->rsa;
  auto operation = operation_name(call.route.operation);
  if (encrypts) {
    auto most = key.max_plaintext(kind->second);
    if (value.size() > most) {
      return bad_parameter(
          fmt::format("Invalid length of 'value': {} bytes. {} with {} and a {}-bit key takes at most "
                      "{} bytes.",
                      value.size(), operation, name, key.bits(), most));
    }
    auto sealed = key.encrypt(kind->second, value);
    if (!sealed) return refuse_for(sealed.error());
    return answer(call, found, sealed.value());
  }
  auto opened = key.decrypt(kind->second, value);
  if (!opened) {
    return bad_parameter(fmt::format("Error occurred while decoding {} padding.",
                                     kind->second == RsaEncryption::Pkcs1v15 ? "PKCS#1" : "OAEP"));
  }
  return answer(call, found, opened.value().reveal());
}

Outcome<json::object> sign_or_verify(const VaultCall& call, const FoundKey& found, const json::object& body,
                                     std::string_view name, bool signs) {
  const auto* kind =
      std::find_if(kSignatures.begin(), kSignatures.end(), [&](const auto& known) { return known.name == name; });
  if (kind == kSignatures.end()) return invalid_value();
  std::string_view digest_name = signs ? "value" : "digest";
  LATCHKEY_TRY(auto digest, read_bytes(body, digest_name));
  if (digest.size() != kind->digest_size) {
    return bad_parameter(fmt::format("Invalid length of '{}': {} bytes. {} requires {} bytes.", digest_name,
                                     digest.size(), name, kind->digest_size));
  }
  const auto& key = *found.version->material->rsa;
  if (signs) {
    auto signature = key.sign_digest(kind->algorithm, digest);
    if (!signature) return refuse_for(signature.error());
    return answer(call, found, signature.value());
  }
  LATCHKEY_TRY(auto signature, read_bytes(body, "value"));
  return json::object{{"value", key.verify_digest(kind->algorithm, digest, signature)}};
}

}  // namespace

Outcome<json::object> use_key(VaultCall& call) {
  LATCHKEY_TRY(auto found, find_key(call.vault, call.route));
  call.audit_id = key_id(call, found.key->name, found.version->id);
  auto operation = call.route.operation;
  if (auto refused = check_attributes(*found.version, operation, call.now, call.cloud.rules.disabled_key)) {
    return std::move(*refused);
  }
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto algorithm, read_algorithm(body));
  if (!found.version->material->rsa) {
    return bad_parameter(fmt::format("Operation {} with algorithm '{}' is not supported on a key of type EC.",
                                     operation_name(operation), json_fields::clean_text(algorithm)));
  }
  switch (operation) {
    case KeyOperation::Encrypt:
    case KeyOperation::WrapKey:
      return encrypt_or_decrypt(call, found, body, algorithm, true);
    case KeyOperation::Decrypt:
    case KeyOperation::UnwrapKey:
      return encrypt_or_decrypt(call, found, body, algorithm, false);
    case KeyOperation::Sign:
      return sign_or_verify(call, found, body, algorithm, true);
    case KeyOperation::Verify:
      return sign_or_verify(call, found, body, algorithm, false);
  }
  return invalid_value();
}

}  // namespace latchkey::emulator::azure
