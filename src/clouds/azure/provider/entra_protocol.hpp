// Entra ID's client credentials grant (RFC 6749 section 4.4, RFC 7523). Pure: it builds requests and reads responses,
// and does no I/O. The request goes to the customer's tenant, and asks for a token of the platform's multi-tenant app.
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

// Which app a token is for, in which tenant, and for what. The key of the token cache.
struct TokenTarget {
  std::string login_host;
  std::string tenant;  // checked by check_tenant_id
  std::string client_id;
  std::string scope;  // "https://vault.azure.net/.default"
  // Where client_id is an app that the key's owner registered: the platform's own app, for messages. Empty otherwise.
  std::string platform_app = {};
  auto operator<=>(const TokenTarget&) const = default;
};

[[nodiscard]] std::string token_endpoint(const TokenTarget& target);

// Makes an assertion for a certificate: PS256, x5t#S256, aud = the token endpoint, a random jti, valid for ten minutes.
[[nodiscard]] Result<std::string> make_client_assertion(const TokenTarget& target, const crypto::RsaKey& key,
                                                        const crypto::Sha256& thumbprint, Timestamp now,
                                                        RandomSource& random);

enum class Proof {
  Secret,     // client_secret
  Assertion,  // a JWT of ours (certificate) or of another issuer (federated token)
};
// Builds the request, without a deadline. Its body holds the proof: wipe it once it is sent.
[[nodiscard]] http::ClientRequest build_token_request(const TokenTarget& target, Proof kind, std::string_view proof,
                                                      std::string_view correlation_id);

struct Token {
  crypto::SecretBytes text;
  std::chrono::seconds lifetime{0};
  std::optional<std::chrono::seconds> refresh_in;  // Entra's advice, before the end of the lifetime
};

// Reads any response. The errors follow the table of AADSTS codes, each with the trace and correlation ids: KeyDenied
// for refusals, KeyUnreachable for throttling, faults, and what this server's operator must cure (its credential, its
// requests), because there nobody refused for the key's owner.
[[nodiscard]] Result<Token> read_token_response(const TokenTarget& target, const http::ClientResponse& response,
                                                Timestamp now);

}  // namespace latchkey::clouds::azure
