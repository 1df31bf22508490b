// Seals a key with all its versions into one text, which can be restored into a vault of the same subscription and
// geography.
//
// blob = "LKB1" ‖ nonce (12) ‖ AES-256-GCM(key of this emulator, the JSON below, aad = "LKB1") with tag
//
// The emulator makes its key at the first backup and keeps it in the state file, so that no other emulator can read the
// text.
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "clouds/azure/emulator/vault/geography.hpp"
#include "clouds/azure/emulator/vault/key_versions.hpp"
#include "clouds/azure/emulator/vault/vault_json.hpp"
#include "crypto/aead.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::string_view kMagic = "LKB1";

Refusal cannot_decrypt() {
  return bad_parameter("Cannot decrypt backup blob.");
}

crypto::AesKeyView key_view(const Bytes& key) {
  return crypto::AesKeyView(key.data(), crypto::kAesKeySize);
}

Outcome<Bytes> backup_key(const VaultCall& call) {
  if (!call.model->backup_key.empty()) return call.model->backup_key;
  Bytes fresh(crypto::kAesKeySize);
  call.cloud.random.fill(fresh);
  return call.cloud.state.change([&](Model& model) -> Outcome<Bytes> {
    if (model.backup_key.empty()) model.backup_key = fresh;
    return model.backup_key;
  });
}

Outcome<std::string> seal(const VaultCall& call, const json::object& told) {
  LATCHKEY_TRY(auto key, backup_key(call));
  auto text = json::serialize(told);
  auto head = kMagic.size() + crypto::kGcmNonceSize;
  Bytes blob(head + text.size() + crypto::kGcmTagSize);
  MutableBytes all(blob);
  std::copy(kMagic.begin(), kMagic.end(), blob.begin());
  auto nonce = all.subspan(kMagic.size(), crypto::kGcmNonceSize);
  call.cloud.random.fill(nonce);
  auto sealed = crypto::gcm_seal(key_view(key), crypto::GcmNonceView(nonce.data(), crypto::kGcmNonceSize),
                                 as_bytes(text), as_bytes(kMagic), all.subspan(head));
  if (!sealed) return refuse_for(sealed.error());
  return base64url_encode(blob);
}

Outcome<json::object> open(const VaultCall& call, ByteView blob) {
  auto head = kMagic.size() + crypto::kGcmNonceSize;
  if (call.model->backup_key.empty() || blob.size() < head + crypto::kGcmTagSize ||
      as_text(blob.first(kMagic.size())) != kMagic) {
    return cannot_decrypt();
  }
  Bytes text(blob.size() - head - crypto::kGcmTagSize);
  auto nonce = blob.subspan(kMagic.size(), crypto::kGcmNonceSize);
  auto opened =
      crypto::gcm_open(key_view(call.model->backup_key), crypto::GcmNonceView(nonce.data(), crypto::kGcmNonceSize),
                       blob.subspan(head), as_bytes(kMagic), text);
  if (!opened) return cannot_decrypt();
  auto told = json_fields::parse_object(as_text(text));
  if (!told) return cannot_decrypt();
  return std::move(told.value());
}

// A managed HSM restores backups of any managed HSM in the subscription's geography.
json::object bounds_of(const Vault& vault) {
  return {{"subscription", lower(vault.subscription_id)},
          {"geography", geography_of(vault.location)},
          {"managed_hsm", vault.managed_hsm}};
}

Outcome<Key> read_backup(const VaultCall& call) {
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* value = given(body, "value");
  if (value == nullptr) return bad_parameter("Property 'value' is required.\r\n");
  auto blob = value->is_string() ? base64url_decode(value->get_string())
                                 : Result<Bytes>(Error{ErrorCode::Invalid, "it is not a text"});
  if (!blob) return bad_parameter("Content of 'value' is not base64url.\r\nProperty 'value' is required.\r\n");
  LATCHKEY_TRY(auto told, open(call, blob.value()));
  if (told["bounds"] != json::value(bounds_of(call.vault))) return cannot_decrypt();
  std::string complaint;
  auto key = read_key(JsonReader(told["key"].as_object(), "key.", complaint));
  if (!complaint.empty()) return cannot_decrypt();
  return key;
}

}  // namespace

Outcome<json::object> backup_key_of(VaultCall& call) {
  LATCHKEY_TRY(auto found, find_key(call, call.vault));
  LATCHKEY_TRY(auto blob, seal(call, {{"bounds", bounds_of(call.vault)}, {"key", key_to_json(*found.key)}}));
  return json::object{{"value", std::move(blob)}};
}

Outcome<json::object> restore_key(VaultCall& call) {
  LATCHKEY_TRY(auto key, read_backup(call));
  call.audit_id = key_id(call, key.name);
  LATCHKEY_TRYV(check_protection(call.vault, key.versions.back().hsm));
  LATCHKEY_TRYV(charge_creation(call, key.versions.back().hsm));
  return call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    LATCHKEY_TRYV(check_name_is_free(*vault, call, key.name));
    if (vault->keys.contains(lower(key.name))) {
      return Refusal{409, "Conflict",
                     fmt::format("There was a conflict restoring the key '{}': a key with the same name is already in "
                                 "use in this vault.",
                                 key.name)};
    }
    auto& restored = vault->keys[lower(key.name)];
    restored = key;
    restored.recovered = 0;
    return key_bundle(call, *vault, restored, restored.versions.back());
  });
}

}  // namespace latchkey::clouds::azure::emulator
