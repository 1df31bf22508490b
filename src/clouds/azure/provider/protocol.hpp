// Key Vault's key operations (Key Vault REST API, "Wrap Key", "Unwrap Key", "Get Key"). Pure: it builds requests and
// reads responses, and does no I/O. All input may be hostile: a stranger wrote the registration, and anybody may have
// sent the response.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "clouds/azure/provider/key_target.hpp"
#include "clouds/azure/provider/vault_errors.hpp"
#include "http/client.hpp"
#include "kms/key_provider.hpp"

namespace latchkey::clouds::azure {

// The most bytes that RSA-OAEP-256 encrypts under the smallest key, RSA-2048.
inline constexpr std::size_t kLongestSecret = 190;

// The requests lack the Authorization header and the deadline. `correlation_id` becomes the correlationId of the
// customer's audit log.
struct RequestId {
  std::string correlation_id;
};

// It names no version: the newest version wraps, and the response names it. Invalid where the secret is empty or too
// long.
[[nodiscard]] Result<http::ClientRequest> build_wrap(const KeyTarget& target, const crypto::SecretBytes& secret,
                                                     const RequestId& id);
// It names the version that wrapped. Corrupt where that is not a version of this very key in this very vault: somebody
// damaged the row, or moved it here from elsewhere.
[[nodiscard]] Result<http::ClientRequest> build_unwrap(const KeyTarget& target, const kms::WrappedKey& wrapped,
                                                       const RequestId& id);
[[nodiscard]] http::ClientRequest build_get(const KeyTarget& target, const RequestId& id);
// Asks what became of a key that does not exist any more ("Get Deleted Key"). It needs the same right as Get,
// keys/read.
[[nodiscard]] http::ClientRequest build_get_deleted(const KeyTarget& target, const RequestId& id);

// Each reads any response, and returns an error where it is not the expected one. `now` as in vault_error.
[[nodiscard]] Result<kms::WrappedKey> read_wrap(const KeyTarget& target, const http::ClientResponse& response,
                                                Timestamp now);
[[nodiscard]] Result<crypto::SecretBytes> read_unwrap(const KeyTarget& target, const http::ClientResponse& response,
                                                      Timestamp now);
[[nodiscard]] Result<kms::KeyDescription> read_get(const KeyTarget& target, const http::ClientResponse& response,
                                                   Timestamp now);
// Replaces `error`, a key_not_found that `operation` met, by what the response to Get Deleted Key says: key_deleted
// with the date until which the key can be recovered, or key_purged where it cannot. Returns `error` itself where the
// vault does not tell.
[[nodiscard]] Error read_get_deleted(const KeyTarget& target, Operation operation, Error error,
                                     const http::ClientResponse& response);

}  // namespace latchkey::clouds::azure
