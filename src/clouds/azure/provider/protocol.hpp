// Key Vault's key operations as bytes: requests built, answers read, no I/O. (Key Vault REST API, "Wrap Key", "Unwrap
// Key", "Get Key".) All input is hostile: the registration by a stranger, the answer by whoever answers.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "clouds/azure/provider/key_target.hpp"
#include "clouds/azure/provider/vault_errors.hpp"
#include "http/client.hpp"
#include "kms/key_provider.hpp"

namespace latchkey::clouds::azure {

// What RSA-OAEP-256 takes under the smallest key, RSA-2048.
inline constexpr std::size_t kLongestSecret = 190;

// The requests lack the Authorization header and the deadline. `correlation_id` becomes the correlationId of the
// customer's audit log.
struct RequestId {
  std::string correlation_id;
};

// Version-less: the newest version wraps, and the answer names it. Invalid where the secret is empty or too long.
[[nodiscard]] Result<http::ClientRequest> build_wrap(const KeyTarget& target, const crypto::SecretBytes& secret,
                                                     const RequestId& id);
// By the version recorded when wrapping. Corrupt where that is not a version of this very key in this very vault: the
// row was damaged, or moved here from elsewhere.
[[nodiscard]] Result<http::ClientRequest> build_unwrap(const KeyTarget& target, const kms::WrappedKey& wrapped,
                                                       const RequestId& id);
[[nodiscard]] http::ClientRequest build_get(const KeyTarget& target, const RequestId& id);
// What became of a key that is not there any more ("Get Deleted Key"); takes the same right as Get, keys/read.
[[nodiscard]] http::ClientRequest build_get_deleted(const KeyTarget& target, const RequestId& id);

// Each reads any answer: an error where it is not the wanted one. `now` as in vault_error.
[[nodiscard]] Result<kms::WrappedKey> read_wrap(const KeyTarget& target, const http::ClientResponse& response,
                                                Timestamp now);
[[nodiscard]] Result<crypto::SecretBytes> read_unwrap(const KeyTarget& target, const http::ClientResponse& response,
                                                      Timestamp now);
[[nodiscard]] Result<kms::KeyDescription> read_get(const KeyTarget& target, const http::ClientResponse& response,
                                                   Timestamp now);
// Words `error`, a key_not_found that `operation` met, by the answer to Get Deleted Key: key_deleted with the date
// until which it can be recovered, key_purged where it is not there to be recovered; `error` itself where the vault
// does not tell.
[[nodiscard]] Error read_get_deleted(const KeyTarget& target, Operation operation, Error error,
                                     const http::ClientResponse& response);

}  // namespace latchkey::clouds::azure
