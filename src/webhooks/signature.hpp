// Signatures of Standard Webhooks, symmetric ("v1"):
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/secret.hpp"

namespace latchkey::webhooks {

inline constexpr std::size_t kSecretSize = 32;  // of the 24 to 64 bytes that the specification allows

// "whsec_" and base64: what the receiver configures.
[[nodiscard]] std::string format_secret(const crypto::SecretBytes& secret);

// "v1,<base64>": the HMAC-SHA-256 of "id.timestamp.body", for the header webhook-signature.
[[nodiscard]] std::string sign(const crypto::SecretBytes& secret, std::string_view id, std::int64_t unix_seconds,
                               std::string_view body);

}  // namespace latchkey::webhooks
