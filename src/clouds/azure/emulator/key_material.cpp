#include "clouds/azure/emulator/key_material.hpp"

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr unsigned kSigningBits = 2048;

}  // namespace

Result<SharedMaterial> to_material(crypto::RsaKey key) {
  auto material = std::make_shared<KeyMaterial>();
  LATCHKEY_TRY(auto pem, key.private_pem());
  material->private_pem = as_text(pem.reveal());
  material->rsa = std::move(key);
  return SharedMaterial(std::move(material));
}

Result<SharedMaterial> to_material(crypto::EcKey key) {
  auto material = std::make_shared<KeyMaterial>();
  LATCHKEY_TRY(auto pem, key.private_pem());
  material->private_pem = as_text(pem.reveal());
  material->ec = std::move(key);
  return SharedMaterial(std::move(material));
}

Result<SharedMaterial> read_key_material(std::string_view private_pem) {
  auto material = std::make_shared<KeyMaterial>();
  material->private_pem = private_pem;
  if (auto rsa = crypto::RsaKey::from_pem(private_pem); rsa && rsa.value().has_private()) {
    material->rsa = std::move(rsa.value());
    return SharedMaterial(std::move(material));
  }
  auto ec = crypto::EcKey::from_pem(private_pem);
  if (!ec) return Error{ErrorCode::Invalid, "the text is not an RSA or EC private key in PEM"};
  material->ec = std::move(ec.value());
  return SharedMaterial(std::move(material));
}

Result<SigningKey> make_signing_key(const RsaKeySource& source) {
  LATCHKEY_TRY(auto key, source(kSigningBits));
  LATCHKEY_TRY(auto pem, key.private_pem());
  SigningKey signing;
  signing.kid = base64url_encode(crypto::sha1(key.modulus()));
  signing.private_pem = as_text(pem.reveal());
  signing.key = std::move(key);
  return signing;
}

}  // namespace latchkey::clouds::azure::emulator
