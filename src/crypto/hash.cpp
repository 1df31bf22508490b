#include "crypto/hash.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "crypto/openssl_handles.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::size_t kSha512Size = 64;
constexpr std::size_t kMaxHkdf = 255 * kSha512Size;

OSSL_PARAM octets(const char* name, ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
}

Result<SecretBytes> hkdf(int mode, ByteView key, ByteView salt, ByteView info, std::size_t size) {
  if (size > kMaxHkdf) {
    return Error{ErrorCode::Invalid, fmt::format("HKDF-SHA-512 gives at most {} bytes, not {}", kMaxHkdf, size)};
  }
  SecretBytes out(size);
  if (size == 0) return out;
  KdfPtr kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  KdfContextPtr context(EVP_KDF_CTX_new(kdf.get()));
  char digest[] = "SHA512";
  std::vector<OSSL_PARAM> params{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode), octets(OSSL_KDF_PARAM_KEY, key),
                                 octets(OSSL_KDF_PARAM_INFO, info)};
  if (!salt.empty()) params.push_back(octets(OSSL_KDF_PARAM_SALT, salt));
  params.push_back(OSSL_PARAM_construct_end());
  if (!context || EVP_KDF_derive(context.get(), out.mutable_view().data(), size, params.data()) != 1) {
    return openssl_error("HKDF-SHA-512");
  }
  return out;
}

}  // namespace

Sha256 sha256(std::initializer_list<ByteView> parts) {
  // Fetched once, and a context for each thread: both cost more than to hash a short text (OpenSSL's crypto(7)).
  static const DigestPtr algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  thread_local const DigestContextPtr context(EVP_MD_CTX_new());
  Sha256 digest;
  bool done = context && EVP_DigestInit_ex(context.get(), algorithm.get(), nullptr) == 1;
  for (auto part : parts) done = done && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  if (!done || EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) std::abort();
  return digest;
}

Sha256 sha256(ByteView bytes) {
  return sha256({bytes});
}

Sha256 hmac_sha256(ByteView key, ByteView message) {
  Sha256 code;
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(), code.data(), &size);
  if (made == nullptr || size != code.size()) std::abort();
  return code;
}

std::array<std::uint8_t, 20> sha1(ByteView bytes) {
  std::array<std::uint8_t, 20> digest;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1) std::abort();
  return digest;
}

Result<SecretBytes> hkdf_sha512(ByteView input_key, ByteView salt, ByteView info, std::size_t size) {
  return hkdf(EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, input_key, salt, info, size);
}

Result<SecretBytes> hkdf_expand_sha512(ByteView pseudo_random_key, ByteView info, std::size_t size) {
  return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, pseudo_random_key, {}, info, size);
}

}  // namespace latchkey::crypto
