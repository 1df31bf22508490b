// Entra ID's client credentials grant as bytes (RFC 6749 section 4.4, RFC 7523): requests built, answers read, no I/O.
// The token is asked of the customer's tenant for the platform's multi-tenant app.
#pragma once

#include <chrono>
#include <compare>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "crypto/hash.hpp"
#include "crypto/rsa.hpp"
#include "crypto/secret.hpp"
#include "http/client.hpp"

namespace latchkey::clouds::azure {

// For whom and for what a token is: the key of the token cache.
struct TokenTarget {
  std::string login_host;
  std::string tenant;  // checked by check_tenant_id
  std::string client_id;
  std::string scope;  // "https://vault.azure.net/.default"
  // Where client_id is what the key's owner registered instead: the app that they could have had without. For messages.
  std::string platform_app = {};
  auto operator<=>(const TokenTarget&) const = default;
};

[[nodiscard]] std::string token_endpoint(const TokenTarget& target);

// An assertion for a certificate: PS256, x5t#S256, aud = the token endpoint, a random jti, valid for ten minutes.
[[nodiscard]] Result<std::string> make_client_assertion(const TokenTarget& target, const crypto::RsaKey& key,
                                                        const crypto::Sha256& thumbprint, Timestamp now,
                                                        RandomSource& random);

enum class Proof {
  Secret,     // client_secret
  Assertion,  // a JWT of ours (certificate) or of another issuer (federated token)
};
// The body holds the proof: wipe it when it is sent. Without a deadline.
[[nodiscard]] http::ClientRequest build_token_request(const TokenTarget& target, Proof kind, std::string_view proof,
                                                      std::string_view correlation_id);

struct Token {
  crypto::SecretBytes text;
  std::chrono::seconds lifetime{0};
  std::optional<std::chrono::seconds> refresh_in;  // Entra's advice, before the end of the lifetime
};

// Reads any answer; errors by the table of AADSTS codes, each with the trace and correlation ids:
// KeyDenied for refusals, KeyUnreachable for throttling, faults, and what is this server's own to cure (its credential,
// its requests), which nobody refused on the key's owner's behalf.
[[nodiscard]] Result<Token> read_token_response(const TokenTarget& target, const http::ClientResponse& response,
                                                Timestamp now);

}  // namespace latchkey::clouds::azure
