#include "clouds/azure/customer/sign_in.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "base/id.hpp"
#include "base/json_fields.hpp"
#include "base/task.hpp"
#include "clouds/azure/customer/az_sign_in.hpp"
#include "clouds/azure/provider/entra_protocol.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "crypto/certificate.hpp"
#include "crypto/certified_key.hpp"

namespace latchkey::clouds::azure::customer {

namespace {

constexpr std::chrono::seconds kTimeout{30};
constexpr std::size_t kLongestFile = std::size_t{64} * 1024;

enum class ProofKind { Secret, Certificate, FederatedToken };

struct SigningCertificate {
  crypto::RsaKey key;
  crypto::Sha256 thumbprint;
};

struct AppCredential {
  ProofKind kind = ProofKind::Secret;
  crypto::SecretBytes secret;
  std::optional<SigningCertificate> certificate;
  std::string path;  // of the token
};

class AppSignIn final : public SignIn {
 public:
  AppSignIn(const Variables& variables, const Cloud& cloud, SignInTools tools, AppCredential credential)
      : tools_(std::move(tools)),
        login_host_(cloud.login_host),
        client_id_(variables("AZURE_CLIENT_ID")),
        tenant_(variables("AZURE_TENANT_ID")),
        subscription_(variables("AZURE_SUBSCRIPTION_ID")),
        credential_(std::move(credential)) {}

  Result<BearerToken> token(const std::string& tenant, const std::string& resource) override;
  const std::string& tenant() const override { return tenant_; }
  const std::string& subscription() const override { return subscription_; }

 private:
  [[nodiscard]] Result<std::string> make_proof(const clouds::azure::TokenTarget& target);

  SignInTools tools_;
  std::string login_host_;
  std::string client_id_;
  std::string tenant_;
  std::string subscription_;
  AppCredential credential_;
  std::map<std::pair<std::string, std::string>, BearerToken> tokens_;
};

// A PEM file with the certificate and its private key, as Azure's SDKs accept it.
Result<SigningCertificate> read_signing_certificate(const std::string& path) {
  constexpr std::string_view kVariable = "AZURE_CLIENT_CERTIFICATE_PATH";
  auto pem = read_file(path, kLongestFile);
  if (!pem) return Error{ErrorCode::Invalid, fmt::format("{}: {}", kVariable, pem.error().message())};
  crypto::PemSource source{fmt::format("{} ({})", kVariable, path), pem.value()};
  auto pair = crypto::read_certified_key(source, source, crypto::KeyKind::Rsa);
  crypto::wipe(pem.value());
  if (!pair) return pair.error();
  LATCHKEY_TRY(auto certificate, crypto::read_certificate(pair.value().certificate_pem));
  LATCHKEY_TRY(auto key, crypto::RsaKey::from_pem(as_text(pair.value().private_key_pem.reveal())));
  return SigningCertificate{std::move(key), certificate.sha256_thumbprint};
}

Result<std::string> AppSignIn::make_proof(const clouds::azure::TokenTarget& target) {
  switch (credential_.kind) {
    case ProofKind::Secret:
      return std::string(as_text(credential_.secret.reveal()));
    case ProofKind::Certificate:
      return clouds::azure::make_client_assertion(
          target, credential_.certificate->key, credential_.certificate->thumbprint, tools_.clock.now(), tools_.random);
    case ProofKind::FederatedToken:
      break;
  }
  LATCHKEY_TRY(auto text, read_file(credential_.path, kLongestFile));
  boost::algorithm::trim(text);
  return text;
}

// Entra refused the credential of the person who runs this command, who can also cure it.
Error sign_in_refused(const clouds::azure::TokenTarget& target, const http::ClientResponse& response) {
  auto body = json_fields::parse_object(response.body);
  auto said = body ? clouds::azure::text_field(body.value(), "error_description") : std::string();
  said = said.substr(0, said.find("Trace ID:"));
  if (said.empty()) said = fmt::format("{} answered {}", target.login_host, response.status);
  // AADSTS53003 and the like: the credential is not wrong.
  if (boost::algorithm::icontains(said, "Conditional Access")) {
    return Error{
        ErrorCode::PermissionDenied,
        fmt::format(
            "signing in to tenant {} as the app {} is blocked by a Conditional Access policy of that tenant: {}",
            target.tenant, target.client_id, clouds::azure::shown_text(said, 300)),
        {},
        "Run this from where the policy lets it sign in, or have the app's service principal excluded from the policy. "
        "This is your own sign-in, not the platform's"};
  }
  auto code = response.status >= 500 || response.status == 429 ? ErrorCode::Unavailable : ErrorCode::Unauthenticated;
  return Error{code,
               fmt::format("signing in to tenant {} as the app {} failed: {}", target.tenant, target.client_id,
                           clouds::azure::shown_text(said, 300)),
               {},
               "Check AZURE_TENANT_ID, AZURE_CLIENT_ID and the credential beside them, or unset AZURE_CLIENT_ID to use "
               "the account that az is signed in with"};
}

Result<BearerToken> AppSignIn::token(const std::string& tenant, const std::string& resource) {
  auto key = std::pair(tenant.empty() ? tenant_ : tenant, resource);
  if (auto known = tokens_.find(key); known != tokens_.end()) return known->second;
  LATCHKEY_TRYV(clouds::azure::check_tenant_id(key.first));
  clouds::azure::TokenTarget target{login_host_, key.first, client_id_, resource + "/.default"};
  LATCHKEY_TRY(auto proof, make_proof(target));
  auto kind = credential_.kind == ProofKind::Secret ? clouds::azure::Proof::Secret : clouds::azure::Proof::Assertion;
  auto request = clouds::azure::build_token_request(target, kind, proof, format_uuid(make_uuid(tools_.random)));
  crypto::wipe(proof);
  auto response = run_blocking(tools_.transport->send(std::move(request), tools_.clock.steady() + kTimeout));
  if (!response) {
    return Error{ErrorCode::Unavailable,
                 fmt::format("{} cannot be reached: {}", login_host_, response.error().message)};
  }
  if (response.value().status != 200) return sign_in_refused(target, response.value());
  LATCHKEY_TRY(auto token, clouds::azure::read_token_response(target, response.value(), tools_.clock.now()));
  crypto::wipe(response.value().body);
  auto shared = std::make_shared<const crypto::SecretBytes>(std::move(token.text));
  tokens_[key] = shared;
  return shared;
}

Result<AppCredential> read_credential(const Variables& variables) {
  AppCredential credential;
  if (auto secret = variables("AZURE_CLIENT_SECRET"); !secret.empty()) {
    credential.secret = crypto::SecretBytes(as_bytes(secret));
    crypto::wipe(secret);
    return credential;
  }
  if (auto path = variables("AZURE_CLIENT_CERTIFICATE_PATH"); !path.empty()) {
    credential.kind = ProofKind::Certificate;
    LATCHKEY_TRY(credential.certificate, read_signing_certificate(path));
    return credential;
  }
  credential.path = variables("AZURE_FEDERATED_TOKEN_FILE");
  credential.kind = ProofKind::FederatedToken;
  if (!credential.path.empty()) return credential;
  return Error{ErrorCode::Invalid,
               "AZURE_CLIENT_ID is set without a credential: set AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or "
               "AZURE_FEDERATED_TOKEN_FILE too, or unset it to use the account that az is signed in with"};
}

}  // namespace

Result<std::unique_ptr<SignIn>> make_sign_in(const Variables& variables, const Cloud& cloud, SignInTools tools) {
  if (variables("AZURE_CLIENT_ID").empty()) return make_az_sign_in(cloud, variables("AZURE_SUBSCRIPTION_ID"));
  if (variables("AZURE_TENANT_ID").empty()) {
    return Error{ErrorCode::Invalid, "AZURE_CLIENT_ID is set without AZURE_TENANT_ID: set the tenant to sign in to"};
  }
  LATCHKEY_TRY(auto credential, read_credential(variables));
  return std::unique_ptr<SignIn>(
      std::make_unique<AppSignIn>(variables, cloud, std::move(tools), std::move(credential)));
}

}  // namespace latchkey::clouds::azure::customer
