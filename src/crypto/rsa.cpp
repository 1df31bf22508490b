#include "crypto/rsa.hpp"

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/openssl_handles.hpp"

namespace latchkey::crypto {

namespace {

constexpr unsigned kMinBits = 2048;
constexpr unsigned kMaxBits = 8192;

const EVP_MD* digest_of(RsaSignature algorithm) {
  switch (algorithm) {
    case RsaSignature::Rs256:
    case RsaSignature::Ps256:
      return EVP_sha256();
    case RsaSignature::Rs384:
    case RsaSignature::Ps384:
      return EVP_sha384();
    case RsaSignature::Rs512:
    case RsaSignature::Ps512:
      return EVP_sha512();
  }
  return nullptr;
}

bool is_pss(RsaSignature algorithm) {
  return algorithm == RsaSignature::Ps256 || algorithm == RsaSignature::Ps384 || algorithm == RsaSignature::Ps512;
}

bool set_encryption_padding(EVP_PKEY_CTX* context, RsaEncryption padding) {
  if (padding == RsaEncryption::Pkcs1v15) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  const EVP_MD* digest = padding == RsaEncryption::OaepSha256 ? EVP_sha256() : EVP_sha1();
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1;
}

bool set_signature_padding(EVP_PKEY_CTX* context, RsaSignature algorithm) {
  const EVP_MD* digest = digest_of(algorithm);
  if (EVP_PKEY_CTX_set_signature_md(context, digest) != 1) return false;
  if (!is_pss(algorithm)) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1;
}

Bytes digest_message(RsaSignature algorithm, ByteView message) {
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (EVP_Digest(message.data(), message.size(), digest.data(), &size, digest_of(algorithm), nullptr) != 1)
    std::abort();
  digest.resize(size);
  return digest;
}

Bytes number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return {};
  BnPtr number(raw);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), bytes.data());
  return bytes;
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// Without this callback OpenSSL would ask the terminal for a passphrase.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

}  // namespace

RsaKey::RsaKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

RsaKey RsaKey::from_handle(evp_pkey_st* key) {
  EVP_PKEY_up_ref(key);
  return RsaKey(std::shared_ptr<evp_pkey_st>(key, EVP_PKEY_free));
}

Result<RsaKey> RsaKey::generate(unsigned bits) {
  if (bits != 2048 && bits != 3072 && bits != 4096) {
    return Error{ErrorCode::Invalid, fmt::format("RSA keys have 2048, 3072 or 4096 bits, not {}", bits)};
  }
  PkeyPtr key(EVP_RSA_gen(bits));
  if (!key) return openssl_error("generating an RSA key");
  return from_handle(key.get());
}

Result<RsaKey> RsaKey::from_pem(std::string_view pem) {
  auto open = [&] { return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); };
  auto bio = open();
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    bio = open();
    key.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  }
  auto refuse = [](std::string why) {
    static_cast<void>(openssl_error(""));  // empties the error queue
    return Error{ErrorCode::Invalid, std::move(why)};
  };
  if (!key) return refuse("not an RSA key in PEM without a passphrase (BEGIN PRIVATE KEY or BEGIN PUBLIC KEY)");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return refuse("the PEM holds a key that is not RSA");
  auto rsa = from_handle(key.get());
  if (rsa.bits() < kMinBits || rsa.bits() > kMaxBits) {
    return refuse(fmt::format("the RSA key has {} bits; {} to {} are taken", rsa.bits(), kMinBits, kMaxBits));
  }
  return rsa;
}

Result<RsaKey> RsaKey::from_public(ByteView modulus, ByteView exponent) {
  auto refuse = [] { return Error{ErrorCode::Invalid, "not an RSA public key of 2048 to 8192 bits"}; };
  if (modulus.size() > kMaxBits / 8 || modulus.empty() || exponent.empty() || exponent.size() > 8) return refuse();
  BnPtr n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  BnPtr e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  if (!n || !e || BN_num_bits(n.get()) < static_cast<int>(kMinBits) || !BN_is_odd(n.get()) || !BN_is_odd(e.get()) ||
      BN_is_one(e.get())) {
    return refuse();
  }
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* raw = nullptr;
  bool made = context && params && EVP_PKEY_fromdata_init(context.get()) == 1 &&
              EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) == 1;
  PkeyPtr key(raw);
  if (!made) return openssl_error("reading an RSA public key");
  return from_handle(key.get());
}

Result<RsaKey> RsaKey::from_private(const RsaNumbers& numbers) {
  auto refuse = [] {
    static_cast<void>(openssl_error(""));
    return Error{ErrorCode::Invalid, "the numbers are not an RSA private key of 2048 to 8192 bits"};
  };
  LATCHKEY_TRYV(from_public(numbers.n, numbers.e));
  const std::pair<const char*, ByteView> parts[] = {
      {OSSL_PKEY_PARAM_RSA_N, numbers.n},          {OSSL_PKEY_PARAM_RSA_E, numbers.e},
      {OSSL_PKEY_PARAM_RSA_D, numbers.d},          {OSSL_PKEY_PARAM_RSA_FACTOR1, numbers.p},
      {OSSL_PKEY_PARAM_RSA_FACTOR2, numbers.q},    {OSSL_PKEY_PARAM_RSA_EXPONENT1, numbers.dp},
      {OSSL_PKEY_PARAM_RSA_EXPONENT2, numbers.dq}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, numbers.qi}};
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  std::vector<BnPtr> kept;  // the builder refers to them
  for (const auto& [name, bytes] : parts) {
    if (bytes.empty() || bytes.size() > kMaxBits / 8) return refuse();
    kept.emplace_back(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), name, kept.back().get()) != 1) return refuse();
  }
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* raw = nullptr;
  bool made = context && params && EVP_PKEY_fromdata_init(context.get()) == 1 &&
              EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_KEYPAIR, params.get()) == 1;
  PkeyPtr key(raw);
  if (!made) return refuse();
  KeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!check || EVP_PKEY_check(check.get()) != 1) return refuse();
  return from_handle(key.get());
}

unsigned RsaKey::bits() const {
  return static_cast<unsigned>(EVP_PKEY_get_bits(key_.get()));
}

bool RsaKey::has_private() const {
  BIGNUM* raw = nullptr;
  bool found = EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_RSA_D, &raw) == 1;
  BN_clear_free(raw);
  if (!found) static_cast<void>(openssl_error(""));
  return found;
}

Bytes RsaKey::modulus() const {
  return number_of(key_.get(), OSSL_PKEY_PARAM_RSA_N);
}
Bytes RsaKey::exponent() const {
  return number_of(key_.get(), OSSL_PKEY_PARAM_RSA_E);
}

Result<SecretBytes> RsaKey::private_pem() const {
  if (!has_private()) return Error{ErrorCode::Invalid, "the RSA key has no private half"};
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("writing an RSA key");
  }
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &data);
  return SecretBytes(ByteView(reinterpret_cast<std::uint8_t*>(data), static_cast<std::size_t>(size)));
}

std::string RsaKey::public_pem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) std::abort();
  return bio_text(bio.get());
}

std::size_t RsaKey::max_plaintext(RsaEncryption padding) const {
  constexpr std::size_t kSha256Size = 32;
  constexpr std::size_t kSha1Size = 20;
  constexpr std::size_t kPkcs1Overhead = 11;
  std::size_t size = (bits() + 7) / 8;
  switch (padding) {
    case RsaEncryption::OaepSha256:
      return size - 2 * kSha256Size - 2;
    case RsaEncryption::OaepSha1:
      return size - 2 * kSha1Size - 2;
    case RsaEncryption::Pkcs1v15:
      return size - kPkcs1Overhead;
  }
  return 0;
}

Result<Bytes> RsaKey::encrypt(RsaEncryption padding, ByteView plaintext) const {
  if (plaintext.size() > max_plaintext(padding)) {
    return Error{ErrorCode::Invalid, fmt::format("a {}-bit RSA key takes at most {} bytes with this padding, not {}",
                                                 bits(), max_plaintext(padding), plaintext.size())};
  }
  KeyContextPtr context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  Bytes out((bits() + 7) / 8);
  auto size = out.size();
  bool done = context && EVP_PKEY_encrypt_init(context.get()) == 1 && set_encryption_padding(context.get(), padding) &&
              EVP_PKEY_encrypt(context.get(), out.data(), &size, plaintext.data(), plaintext.size()) == 1;
  if (!done) return openssl_error("RSA encryption");
  out.resize(size);
  return out;
}

Result<SecretBytes> RsaKey::decrypt(RsaEncryption padding, ByteView ciphertext) const {
  auto refuse = [] {
    static_cast<void>(openssl_error(""));
    return Error{ErrorCode::Corrupt, "the ciphertext was not made with this RSA key and padding, or is damaged"};
  };
  std::size_t modulus_size = (bits() + 7) / 8;
  if (ciphertext.size() != modulus_size) return refuse();
  KeyContextPtr context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  SecretBytes out(modulus_size);
  auto size = modulus_size;
  bool done =
      context && EVP_PKEY_decrypt_init(context.get()) == 1 && set_encryption_padding(context.get(), padding) &&
      EVP_PKEY_decrypt(context.get(), out.mutable_view().data(), &size, ciphertext.data(), ciphertext.size()) == 1;
  if (!done) return refuse();
  out.shrink(size);
  return out;
}

Result<Bytes> RsaKey::sign_digest(RsaSignature algorithm, ByteView digest) const {
  if (digest.size() != static_cast<std::size_t>(EVP_MD_get_size(digest_of(algorithm)))) {
    return Error{ErrorCode::Invalid, "the digest has another length than the algorithm's hash"};
  }
  KeyContextPtr context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  Bytes signature((bits() + 7) / 8);
  auto size = signature.size();
  bool done = context && EVP_PKEY_sign_init(context.get()) == 1 && set_signature_padding(context.get(), algorithm) &&
              EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) == 1;
  if (!done) return openssl_error("RSA signing");
  signature.resize(size);
  return signature;
}

bool RsaKey::verify_digest(RsaSignature algorithm, ByteView digest, ByteView signature) const {
  KeyContextPtr context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  bool fits = context && EVP_PKEY_verify_init(context.get()) == 1 && set_signature_padding(context.get(), algorithm) &&
              EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) == 1;
  if (!fits) static_cast<void>(openssl_error(""));
  return fits;
}

Result<Bytes> RsaKey::sign(RsaSignature algorithm, ByteView message) const {
  return sign_digest(algorithm, digest_message(algorithm, message));
}

bool RsaKey::verify(RsaSignature algorithm, ByteView message, ByteView signature) const {
  return verify_digest(algorithm, digest_message(algorithm, message), signature);
}

}  // namespace latchkey::crypto
