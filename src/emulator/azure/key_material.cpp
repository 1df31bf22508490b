#include "emulator/azure/key_material.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace latchkey::emulator::azure {

namespace {

struct Freed {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using PkeyHandle = std::unique_ptr<EVP_PKEY, Freed>;
using BioHandle = std::unique_ptr<BIO, Freed>;
using NumberHandle = std::unique_ptr<BIGNUM, Freed>;

constexpr int kCoordinateSize = 32;
constexpr unsigned kSigningBits = 2048;

Error failed(std::string what) {
  return Error{ErrorCode::Internal, std::move(what)};
}

Result<Bytes> coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return failed("the point of the EC key cannot be read");
  NumberHandle number(raw);
  Bytes bytes(kCoordinateSize);
  if (BN_bn2binpad(number.get(), bytes.data(), kCoordinateSize) != kCoordinateSize) {
    return failed("the point of the EC key has another size");
  }
  return bytes;
}

Result<std::string> to_pem(EVP_PKEY* key) {
  BioHandle out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("the private key cannot be written");
  }
  char* data = nullptr;
  auto size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<SharedMaterial> from_p256(EVP_PKEY* key, std::string pem) {
  auto material = std::make_shared<KeyMaterial>();
  material->private_pem = std::move(pem);
  material->curve = "P-256";
  LATCHKEY_TRY(material->x, coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X));
  LATCHKEY_TRY(material->y, coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y));
  return SharedMaterial(std::move(material));
}

}  // namespace

Result<SharedMaterial> make_rsa_material(unsigned bits) {
  LATCHKEY_TRY(auto key, crypto::RsaKey::generate(bits));
  LATCHKEY_TRY(auto pem, key.private_pem());
  auto material = std::make_shared<KeyMaterial>();
  material->private_pem = as_text(pem.reveal());
  material->rsa = std::move(key);
  return SharedMaterial(std::move(material));
}

Result<SharedMaterial> make_p256_material() {
  PkeyHandle key(EVP_EC_gen("P-256"));
  if (!key) return failed("making an EC key failed");
  LATCHKEY_TRY(auto pem, to_pem(key.get()));
  return from_p256(key.get(), std::move(pem));
}

Result<SharedMaterial> read_key_material(std::string_view private_pem) {
  BioHandle in(BIO_new_mem_buf(private_pem.data(), static_cast<int>(private_pem.size())));
  // Without a callback OpenSSL would ask the terminal for the passphrase of an encrypted key.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  PkeyHandle key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) return Error{ErrorCode::Invalid, "the text is not a private key in PEM"};
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    auto material = std::make_shared<KeyMaterial>();
    material->private_pem = private_pem;
    material->rsa = crypto::RsaKey::from_handle(key.get());
    return SharedMaterial(std::move(material));
  }
  char group[64] = {};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key.get(), group, sizeof group, &length) == 1 &&
      std::string_view(group, length) == "prime256v1") {
    return from_p256(key.get(), std::string(private_pem));
  }
  return Error{ErrorCode::Invalid, "the private key is neither RSA nor P-256"};
}

Result<SigningKey> make_signing_key() {
  LATCHKEY_TRY(auto key, crypto::RsaKey::generate(kSigningBits));
  LATCHKEY_TRY(auto pem, key.private_pem());
  SigningKey signing;
  signing.kid = base64url_encode(crypto::sha1(key.modulus()));
  signing.private_pem = as_text(pem.reveal());
  signing.key = std::move(key);
  return signing;
}

}  // namespace latchkey::emulator::azure
