// JSON Web Tokens (RFC 7519) signed with RSA, as Entra ID issues and accepts them. Parsing accepts only the listed
// algorithms; "none" and HMAC never pass. Pure; thread-safe.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/rsa.hpp"

namespace latchkey::crypto {

// Makes "header.payload.signature". The function adds "alg" and "typ":"JWT" to `header`; the caller gives kid, x5t#S256
// and the like. Internal where the key has no private half or OpenSSL fails.
[[nodiscard]] Result<std::string> jwt_sign(const RsaKey& key, RsaSignature algorithm, boost::json::object header,
                                           const boost::json::object& claims);

struct Jwt {
  boost::json::object header;
  boost::json::object claims;
  RsaSignature algorithm = RsaSignature::Rs256;
  std::string signed_text;  // what the signature covers
  Bytes signature;
};

// Splits and decodes without checking the signature, so that the caller can find the issuer and the key. Invalid where
// the form, the encoding or the JSON is wrong, the text is above 64 KiB, the header has "crit", or alg is not RS/PS 256
// to 512.
[[nodiscard]] Result<Jwt> jwt_parse(std::string_view token);
// True where `key` made the signature with the algorithm in the header.
[[nodiscard]] bool jwt_signature_valid(const Jwt& token, const RsaKey& key);

// A NumericDate claim (integer or fraction, as some clients send) in whole seconds; absent where missing or not a
// number.
[[nodiscard]] std::optional<std::chrono::sys_seconds> jwt_time(const Jwt& token, std::string_view claim);
// A string claim; empty where missing or of another type.
[[nodiscard]] std::string jwt_text(const Jwt& token, std::string_view claim);

// A public key as a JWK object {kty, n, e} (RFC 7517, RFC 7518 section 6.3). from_jwk: Invalid where it is not an RSA
// public key of 2048 to 8192 bits.
[[nodiscard]] boost::json::object to_jwk(const RsaKey& key);
[[nodiscard]] Result<RsaKey> from_jwk(const boost::json::object& jwk);

}  // namespace latchkey::crypto
