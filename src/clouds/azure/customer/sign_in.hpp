// Signs the customer's admin in, as Azure's own tools do: by the AZURE_* variables of the environment, or else by an az
// that is signed in already. Blocking: for command lines.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "clouds/azure/customer/cloud.hpp"
#include "crypto/secret.hpp"
#include "kms/retrying_transport.hpp"

namespace latchkey::clouds::azure::customer {

using BearerToken = std::shared_ptr<const crypto::SecretBytes>;
// Returns a variable of the environment; empty where it is not set.
using Variables = std::function<std::string(const std::string& name)>;

class SignIn {
 public:
  SignIn() = default;
  SignIn(const SignIn&) = delete;
  SignIn& operator=(const SignIn&) = delete;
  virtual ~SignIn() = default;
  // A token of `tenant` (empty: the one of the sign-in) for `resource`. Unauthenticated where Azure or az refuses, with
  // their words and the cure; Unavailable where they could not be reached.
  [[nodiscard]] virtual Result<BearerToken> token(const std::string& tenant, const std::string& resource) = 0;
  // The tenant of the sign-in, and the subscription that it has chosen; the latter is empty where it has chosen none.
  [[nodiscard]] virtual const std::string& tenant() const = 0;
  [[nodiscard]] virtual const std::string& subscription() const = 0;
};

struct SignInTools {
  std::shared_ptr<kms::RetryingTransport> transport;
  const Clock& clock;    // must outlive the sign-in
  RandomSource& random;  // likewise
};

// AZURE_CLIENT_ID and AZURE_TENANT_ID with AZURE_CLIENT_CERTIFICATE_PATH, AZURE_FEDERATED_TOKEN_FILE or
// AZURE_CLIENT_SECRET, and AZURE_SUBSCRIPTION_ID; where AZURE_CLIENT_ID is not set, `az account get-access-token`.
// Invalid where only some of the variables are set; the errors of token() where az is not signed in.
[[nodiscard]] Result<std::unique_ptr<SignIn>> make_sign_in(const Variables& variables, const Cloud& cloud,
                                                           SignInTools tools);

}  // namespace latchkey::clouds::azure::customer
