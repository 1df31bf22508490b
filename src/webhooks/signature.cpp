#include "webhooks/signature.hpp"

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace latchkey::webhooks {

std::string format_secret(const crypto::SecretBytes& secret) {
  return "whsec_" + base64_encode(secret.reveal());
}

std::string sign(const crypto::SecretBytes& secret, std::string_view id, std::int64_t unix_seconds,
                 std::string_view body) {
  auto message = fmt::format("{}.{}.{}", id, unix_seconds, body);
  return "v1," + base64_encode(crypto::hmac_sha256(secret.reveal(), as_bytes(message)));
}

}  // namespace latchkey::webhooks
