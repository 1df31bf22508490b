// Hashes and key derivation. Pure; thread-safe.
#pragma once

#include <array>
#include <cstring>
#include <initializer_list>

#include "base/bytes.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

using Sha256 = std::array<std::uint8_t, 32>;

// For maps whose keys are hashes of what nobody can choose freely.
struct HashOfSha256 {
  std::size_t operator()(const Sha256& hash) const {
    std::size_t first = 0;
    std::memcpy(&first, hash.data(), sizeof first);
    return first;
  }
};

// SHA-256 (FIPS 180-4) of the concatenation of `parts`.
[[nodiscard]] Sha256 sha256(std::initializer_list<ByteView> parts);
[[nodiscard]] Sha256 sha256(ByteView bytes);
// HMAC-SHA-256 (RFC 2104, FIPS 198-1).
[[nodiscard]] Sha256 hmac_sha256(ByteView key, ByteView message);
// SHA-1, only for the x5t thumbprint (RFC 7515 section 4.1.7).
[[nodiscard]] std::array<std::uint8_t, 20> sha1(ByteView bytes);

// HKDF with SHA-512 (RFC 5869): extract and expand, and expand alone. Invalid where `size` is above 255 * 64.
[[nodiscard]] Result<SecretBytes> hkdf_sha512(ByteView input_key, ByteView salt, ByteView info, std::size_t size);
[[nodiscard]] Result<SecretBytes> hkdf_expand_sha512(ByteView pseudo_random_key, ByteView info, std::size_t size);

}  // namespace latchkey::crypto
