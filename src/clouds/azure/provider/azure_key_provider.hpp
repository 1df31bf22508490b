// Azure Key Vault and Managed HSM as a KeyProvider. It gets tokens from Entra ID for the customer's tenant, wraps
// without a version, unwraps with the version that wrapped, and retries with back-off. Pure functions build the
// requests and read the responses (provider/protocol.hpp, provider/entra_protocol.hpp); the class only puts them
// together.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "crypto/rsa.hpp"
#include "http/client.hpp"
#include "kms/key_provider.hpp"
#include "kms/retrying_transport.hpp"

namespace latchkey::clouds::azure {

// How the platform's app proves itself to Entra ID. Shared so that options can be copied; nobody prints them.
struct ClientSecret {
  std::shared_ptr<const crypto::SecretBytes> secret;
};
struct ClientCertificate {
  std::string certificate_pem;
  crypto::RsaKey private_key;
};
struct FederatedTokenFile {
  std::string path;  // read again for every token, because the kubelet rotates it
};
using Credential = std::variant<ClientSecret, ClientCertificate, FederatedTokenFile>;

using kms::RetrySettings;

struct AzureOptions {
  std::string login_host = "login.microsoftonline.com";
  std::vector<std::string> vault_suffixes;  // public_cloud_suffixes() for the public cloud
  std::string api_version = "7.4";
  std::string client_id;  // the platform's multi-tenant app
  Credential credential;
  kms::RetrySettings retry;
  kms::SignInAges sign_in;
  kms::ReadTerms read_terms;  // empty: every key may be asked, and `sign_in` holds for all
};

// A key may name an app of the customer's own (client_id). The provider serves it with a certificate or a federated
// token. With a ClientSecret, which proves the platform's app alone, it refuses the key (client_id_untrusted). A
// refusal by Entra ID counts as one by the key. The provider learns of it within the ages of the sign-in: those of the
// options, or the shorter ones that the key's owner demands (OwnersTerms). `client`, `clock`, `random` and `pool` (for
// signing assertions) outlive the provider; `executor` runs what several callers share.
[[nodiscard]] std::shared_ptr<kms::KeyProvider> make_azure_key_provider(
    AzureOptions options, http::Client& client, const Clock& clock, RandomSource& random,
    boost::asio::thread_pool& pool, boost::asio::any_io_executor executor,
    std::shared_ptr<kms::Sleeper> sleeper = kms::make_timer_sleeper());

}  // namespace latchkey::clouds::azure
