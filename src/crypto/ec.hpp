// Elliptic-curve keys as Key Vault has them: P-256, P-384, P-521 and P-256K (secp256k1), for ECDSA over digests only. A
// key is a shared handle on an OpenSSL EVP_PKEY: cheap to copy, immutable, thread-safe. OpenSSL's failures are
// Internal.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/secret.hpp"

struct evp_pkey_st;

namespace latchkey::crypto {

struct EcCoordinates {
  ByteView x, y;  // big-endian; shorter than the curve's field where they begin with zero bytes
  ByteView d;     // the private number
};

class EcKey {
 public:
  // Curves have their JWK names (RFC 7518 section 6.2.1.1; "P-256K" is Key Vault's name). Invalid for any other.
  [[nodiscard]] static Result<EcKey> generate(std::string_view curve);
  // PKCS#8 PEM without a passphrase. Invalid where it is not a private key on one of the curves.
  [[nodiscard]] static Result<EcKey> from_pem(std::string_view pem);
  // Invalid where the point is not on the curve, or d is not its private number.
  [[nodiscard]] static Result<EcKey> from_coordinates(std::string_view curve, const EcCoordinates& coordinates);

  [[nodiscard]] std::string_view curve() const { return curve_; }
  // Big-endian, padded to the size of the curve's field.
  [[nodiscard]] const Bytes& x() const { return x_; }
  [[nodiscard]] const Bytes& y() const { return y_; }
  [[nodiscard]] Result<SecretBytes> private_pem() const;

  // Returns r ‖ s, each padded to the size of the curve's field (RFC 7518 section 3.4).
  [[nodiscard]] Result<Bytes> sign_digest(ByteView digest) const;
  [[nodiscard]] bool verify_digest(ByteView digest, ByteView signature) const;

 private:
  EcKey(std::shared_ptr<evp_pkey_st> key, std::string_view curve, Bytes x, Bytes y);
  [[nodiscard]] static Result<EcKey> from_handle(evp_pkey_st* key);

  std::shared_ptr<evp_pkey_st> key_;
  std::string_view curve_;  // one of the constant names
  Bytes x_;
  Bytes y_;
};

}  // namespace latchkey::crypto
