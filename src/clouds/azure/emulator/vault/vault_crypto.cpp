#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "clouds/azure/emulator/vault/vault_call.hpp"

namespace latchkey::clouds::azure::emulator {

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
  std::size_t digest_size;
  std::optional<RsaSignature> rsa;
  std::string_view curve;  // of the others
};
constexpr std::array<SignatureKind, 10> kSignatures = {{{"RS256", 32, RsaSignature::Rs256, ""},
                                                        {"RS384", 48, RsaSignature::Rs384, ""},
                                                        {"RS512", 64, RsaSignature::Rs512, ""},
                                                        {"PS256", 32, RsaSignature::Ps256, ""},
                                                        {"PS384", 48, RsaSignature::Ps384, ""},
                                                        {"PS512", 64, RsaSignature::Ps512, ""},
                                                        {"ES256", 32, std::nullopt, "P-256"},
                                                        {"ES384", 48, std::nullopt, "P-384"},
                                                        {"ES512", 64, std::nullopt, "P-521"},
                                                        {"ES256K", 32, std::nullopt, "P-256K"}}};

// A refusal that names the property at fault.
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

json::object result_of(const VaultCall& call, const FoundKey& found, ByteView value) {
  return {{"kid", key_id(call, found.key->name, found.version->id)}, {"value", base64url_encode(value)}};
}

Outcome<json::object> encrypt_or_decrypt(const VaultCall& call, const FoundKey& found, const json::object& body,
                                         std::string_view name, bool encrypts) {
  auto operation = operation_name(call.route.operation);
  const auto& material = *found.version->material;
  if (!material.rsa) {
    return bad_parameter(fmt::format("Operation {} with algorithm '{}' is not supported on a key of type EC.",
                                     operation, json_fields::clean_text(name)));
  }
  const auto* kind =
      std::find_if(kEncryptions.begin(), kEncryptions.end(), [&](const auto& known) { return known.first == name; });
  if (kind == kEncryptions.end()) return invalid_value();
  LATCHKEY_TRY(auto value, read_bytes(body, "value"));
  const auto& key = *material.rsa;
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
    return result_of(call, found, sealed.value());
  }
  auto opened = key.decrypt(kind->second, value);
  if (!opened) {
    return bad_parameter(fmt::format("Error occurred while decoding {} padding.",
                                     kind->second == RsaEncryption::Pkcs1v15 ? "PKCS#1" : "OAEP"));
  }
  return result_of(call, found, opened.value().reveal());
}

Outcome<void> check_fit(const VaultCall& call, const FoundKey& found, const SignatureKind& kind) {
  const auto& material = *found.version->material;
  auto incompatible = [&](std::string_view has, std::string_view needs) {
    return bad_parameter(fmt::format(
        "Key and signing algorithm are incompatible. Key {} {}, and algorithm '{}' can only be used with {}.",
        key_id(call, found.key->name, found.version->id), has, kind.name, needs));
  };
  std::string_view suffix = found.version->hsm ? "-HSM" : "";
  if (kind.rsa) {
    if (material.rsa) return success();
    return incompatible(fmt::format("is of type 'EC{}'", suffix), "a key of type 'RSA' or 'RSA-HSM'");
  }
  if (!material.ec) return incompatible(fmt::format("is of type 'RSA{}'", suffix), "a key of type 'EC' or 'EC-HSM'");
  if (material.ec->curve() == kind.curve) return success();
  return incompatible(fmt::format("uses curve '{}'", material.ec->curve()), fmt::format("curve '{}'", kind.curve));
}

Outcome<json::object> sign_or_verify(const VaultCall& call, const FoundKey& found, const json::object& body,
                                     std::string_view name, bool signs) {
  const auto* kind =
      std::find_if(kSignatures.begin(), kSignatures.end(), [&](const auto& known) { return known.name == name; });
  if (kind == kSignatures.end()) return invalid_value();
  LATCHKEY_TRYV(check_fit(call, found, *kind));
  std::string_view digest_name = signs ? "value" : "digest";
  LATCHKEY_TRY(auto digest, read_bytes(body, digest_name));
  if (digest.size() != kind->digest_size) {
    return bad_parameter(fmt::format("Invalid length of '{}': {} bytes. {} requires {} bytes.", digest_name,
                                     digest.size(), name, kind->digest_size));
  }
  const auto& material = *found.version->material;
  if (signs) {
    auto signature = kind->rsa ? material.rsa->sign_digest(*kind->rsa, digest) : material.ec->sign_digest(digest);
    if (!signature) return refuse_for(signature.error());
    return result_of(call, found, signature.value());
  }
  LATCHKEY_TRY(auto signature, read_bytes(body, "value"));
  bool fits = kind->rsa ? material.rsa->verify_digest(*kind->rsa, digest, signature)
                        : material.ec->verify_digest(digest, signature);
  return json::object{{"value", fits}};
}

}  // namespace

// POST /rng of a managed HSM.
Outcome<json::object> random_bytes(VaultCall& call) {
  constexpr std::int64_t kMost = 128;
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* count = body.if_contains("count");
  if (count == nullptr) return bad_parameter("Property 'count' is required.\r\n");
  if (!count->is_int64() || count->get_int64() < 1 || count->get_int64() > kMost) return invalid_value();
  Bytes bytes(static_cast<std::size_t>(count->get_int64()));
  call.cloud.random.fill(bytes);
  return json::object{{"value", base64url_encode(bytes)}};
}

Outcome<json::object> use_key(VaultCall& call) {
  LATCHKEY_TRY(auto found, find_key(call, call.vault));
  call.audit_id = key_id(call, found.key->name, found.version->id);
  auto operation = call.route.operation;
  if (auto refused = check_attributes(*found.version, operation, call.now, call.cloud.rules.disabled_key)) {
    return std::move(*refused);
  }
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto algorithm, read_algorithm(body));
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

}  // namespace latchkey::clouds::azure::emulator
