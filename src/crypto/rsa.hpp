// RSA keys with the operations of Key Vault, so that the emulator does real cryptography, and with what signing a
// client assertion takes. A key is a shared handle on an OpenSSL EVP_PKEY: cheap to copy, immutable, thread-safe. The
// operations are slow (milliseconds): run them on a pool. OpenSSL's failures are Internal.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/secret.hpp"

struct evp_pkey_st;

namespace latchkey::crypto {

enum class RsaEncryption {
  OaepSha256,  // RSAES-OAEP, SHA-256 in the hash and in MGF1, empty label (RFC 7518 RSA-OAEP-256)
  OaepSha1,    // RFC 7518 RSA-OAEP
  Pkcs1v15,    // RSA1_5; decryption uses OpenSSL's implicit rejection where it has it
};

// The numbers of a private key, big-endian (RFC 7518 section 6.3).
struct RsaNumbers {
  ByteView n, e, d, p, q, dp, dq, qi;
};

enum class RsaSignature { Rs256, Rs384, Rs512, Ps256, Ps384, Ps512 };

class RsaKey {
 public:
  // Makes a new key with exponent 65537. Invalid for sizes other than 2048, 3072, 4096.
  [[nodiscard]] static Result<RsaKey> generate(unsigned bits);
  // PKCS#8 or PKCS#1 private, or SubjectPublicKeyInfo public. Invalid where it is not an RSA key of 2048 to 8192 bits.
  [[nodiscard]] static Result<RsaKey> from_pem(std::string_view pem);
  // From a public modulus and exponent, big-endian (RFC 7517). Invalid outside 2048 to 8192 bits or for an even number.
  [[nodiscard]] static Result<RsaKey> from_public(ByteView modulus, ByteView exponent);
  // Invalid where the numbers are not one consistent private key of 2048 to 8192 bits.
  [[nodiscard]] static Result<RsaKey> from_private(const RsaNumbers& numbers);
  // Wraps a handle; takes a reference of its own. Not null.
  [[nodiscard]] static RsaKey from_handle(evp_pkey_st* key);

  [[nodiscard]] unsigned bits() const;
  [[nodiscard]] bool has_private() const;
  // Big-endian without leading zero bytes.
  [[nodiscard]] Bytes modulus() const;
  [[nodiscard]] Bytes exponent() const;
  // PKCS#8, unencrypted, in memory that wipes itself. Invalid for a public key.
  [[nodiscard]] Result<SecretBytes> private_pem() const;
  [[nodiscard]] std::string public_pem() const;

  // The longest plaintext for this padding, in bytes: k - 2 hLen - 2, or k - 11.
  [[nodiscard]] std::size_t max_plaintext(RsaEncryption padding) const;
  // Invalid where the plaintext is too long.
  [[nodiscard]] Result<Bytes> encrypt(RsaEncryption padding, ByteView plaintext) const;
  // Corrupt where the ciphertext has another length or its padding does not match. The message is the same for both: no
  // oracle.
  [[nodiscard]] Result<SecretBytes> decrypt(RsaEncryption padding, ByteView ciphertext) const;
  // Signs a message (hashed here) or a digest (hashed by the caller, because Key Vault's sign takes digests). PS uses a
  // salt as long as the hash. Invalid where the digest has another length than the hash; Internal for a public key.
  [[nodiscard]] Result<Bytes> sign(RsaSignature algorithm, ByteView message) const;
  [[nodiscard]] Result<Bytes> sign_digest(RsaSignature algorithm, ByteView digest) const;
  [[nodiscard]] bool verify(RsaSignature algorithm, ByteView message, ByteView signature) const;
  [[nodiscard]] bool verify_digest(RsaSignature algorithm, ByteView digest, ByteView signature) const;

  [[nodiscard]] evp_pkey_st* handle() const { return key_.get(); }

 private:
  explicit RsaKey(std::shared_ptr<evp_pkey_st> key);
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace latchkey::crypto
