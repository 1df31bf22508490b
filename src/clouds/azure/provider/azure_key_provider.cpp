#include "clouds/azure/provider/azure_key_provider.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "base/id.hpp"
#include "base/log.hpp"
#include "clouds/azure/provider/azure_key.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/challenge.hpp"
#include "clouds/azure/provider/protocol.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "clouds/azure/provider/retry_after.hpp"
#include "clouds/azure/provider/token_source.hpp"
#include "clouds/azure/provider/vault_errors.hpp"
#include "clouds/azure/provider/vault_names.hpp"
#include "crypto/wipe_at_exit.hpp"
#include "kms/key_errors.hpp"

namespace latchkey::clouds::azure {

namespace {

constexpr std::chrono::seconds kDeletedKeyTimeout{2};
// How long to look whether the names of other vaults still exist, and of how many vaults at most.
constexpr std::chrono::seconds kOtherVaultsTimeout{3};
constexpr std::size_t kMostOthers = 4;
// When to try again after the store could not say whether the key may be asked.
constexpr std::chrono::seconds kRetryAfter{5};

class AzureKeyProvider final : public kms::KeyProvider {
 public:
  AzureKeyProvider(AzureOptions options, http::Client& client, std::shared_ptr<kms::RetryingTransport> transport,
                   std::shared_ptr<TokenSource> tokens, const Clock& clock, RandomSource& random)
      : options_(std::move(options)),
        client_(client),
        transport_(std::move(transport)),
        tokens_(std::move(tokens)),
        clock_(clock),
        random_(random),
        names_(clock) {}

  Task<Result<kms::WrappedKey>> wrap(const kms::KeyLocation& key, const kms::Binding&,
                                     const crypto::SecretBytes& secret, Deadline deadline) override {
    LATCHKEY_CO_TRY(auto target, resolve(key));
    LATCHKEY_CO_TRY(auto request, build_wrap(target, secret, new_request_id()));
    LATCHKEY_CO_TRY(auto response, co_await ask(target, std::move(request), deadline));
    auto wrapped = read_wrap(target, response, clock_.now());
    if (wrapped) co_return wrapped;
    co_return co_await explain_not_found(std::move(target), Operation::Wrap, wrapped.error(), deadline);
  }

  Task<Result<kms::UnwrappedKey>> unwrap(const kms::KeyLocation& key, const kms::Binding&,
                                         const kms::WrappedKey& wrapped, Deadline deadline) override {
    LATCHKEY_CO_TRY(auto target, resolve(key));
    auto request_id = new_request_id();
    LATCHKEY_CO_TRY(auto request, build_unwrap(target, wrapped, request_id));
    LATCHKEY_CO_TRY(auto response, co_await ask(target, std::move(request), deadline));
    crypto::WipeAtExit wipe(response.body);
    auto secret = read_unwrap(target, response, clock_.now());
    if (secret) co_return kms::UnwrappedKey{std::move(secret).value(), request_id.correlation_id};
    co_return co_await explain_not_found(std::move(target), Operation::Unwrap, secret.error(), deadline);
  }

  Task<Result<kms::KeyDescription>> describe(const kms::KeyLocation& key, Deadline deadline) override {
    LATCHKEY_CO_TRY(auto target, resolve(key));
    auto request = build_get(target, new_request_id());
    auto response = co_await ask(target, std::move(request), deadline);
    if (!response) co_return co_await better_explained(std::move(target), response.error(), deadline);
    auto description = read_get(target, response.value(), clock_.now());
    if (description) co_return description;
    co_return co_await explain_not_found(std::move(target), Operation::Get, description.error(), deadline);
  }

 private:
  [[nodiscard]] Result<KeyTarget> resolve(const kms::KeyLocation& key) const;
  [[nodiscard]] TokenTarget token_target(const KeyTarget& target) const {
    return {options_.login_host, target.tenant_id, target.client_id, target.vault.resource + "/.default",
            is_foreign(target) ? options_.client_id : std::string()};
  }
  [[nodiscard]] kms::SignInAges sign_in_ages(const kms::OwnersTerms& terms) const {
    auto ages = terms.sign_in.value_or(options_.sign_in);
    ages.soft = std::min(ages.soft, options_.sign_in.soft);
    return ages;
  }
  [[nodiscard]] Task<Result<kms::OwnersTerms>> terms_of(kms::AskedFor asked_for, Deadline deadline) const;
  // Finds out only whether the key may be asked.
  [[nodiscard]] Task<Result<void>> access_check(kms::AskedFor asked_for, Deadline deadline) const {
    LATCHKEY_CO_TRYV(co_await terms_of(std::move(asked_for), deadline));
    co_return success();
  }
  [[nodiscard]] bool is_foreign(const KeyTarget& target) const {
    return !boost::algorithm::iequals(target.client_id, options_.client_id);
  }
  [[nodiscard]] RequestId new_request_id() { return {format_uuid(make_uuid(random_))}; }
  [[nodiscard]] Task<Result<http::ClientResponse>> ask(const KeyTarget& target, http::ClientRequest request,
                                                       Deadline deadline);
  [[nodiscard]] Task<Result<http::ClientResponse>> send(const KeyTarget& target, http::ClientRequest request,
                                                        BearerToken token, Deadline deadline);
  [[nodiscard]] Task<Error> explain_no_response(const KeyTarget& target, http::TransportError failure,
                                                Deadline deadline);
  [[nodiscard]] Task<bool> is_gone(std::string host, Deadline deadline);
  [[nodiscard]] Task<Error> explain_not_found(KeyTarget target, Operation operation, Error error, Deadline deadline);
  [[nodiscard]] Task<Error> better_explained(KeyTarget target, Error error, Deadline deadline);

  AzureOptions options_;
  http::Client& client_;
  std::shared_ptr<kms::RetryingTransport> transport_;
  std::shared_ptr<TokenSource> tokens_;
  const Clock& clock_;
  RandomSource& random_;
  VaultNames names_;
};

// Where the terms cannot be read, or not in time, that says nothing about the key: the error is Unavailable.
Task<Result<kms::OwnersTerms>> AzureKeyProvider::terms_of(kms::AskedFor asked_for, Deadline deadline) const {
  if (!options_.read_terms) co_return kms::OwnersTerms{};
  auto began = clock_.steady();
  auto terms = co_await options_.read_terms(asked_for);
  if (!terms && kms::is_refusal(terms.error())) co_return terms;
  bool too_late = began < deadline && clock_.steady() >= deadline;
  if (terms && !too_late) co_return terms;
  auto cause = terms ? Error{ErrorCode::Unavailable, "it took longer than the key could be waited for"} : terms.error();
  auto message = fmt::format("Whether external key {} may be asked could not be read from the store: {}",
                             asked_for.external_key_id, cause.message());
  auto error = caused_by(std::move(cause), ErrorCode::Unavailable, std::move(message));
  if (!error.retry_after) error.retry_after = kRetryAfter;
  co_return error;
}

Result<KeyTarget> AzureKeyProvider::resolve(const kms::KeyLocation& key) const {
  const auto* registered = dynamic_cast<const AzureKey*>(&key.key());
  if (registered == nullptr) return Error{ErrorCode::Invalid, "this is no key in an Azure Key Vault"};
  const auto& config = registered->config();
  KeyTarget target;
  LATCHKEY_TRY(target.vault, parse_vault_uri(config.vault_uri, options_.vault_suffixes));
  LATCHKEY_TRYV(check_key_name(config.key_name));
  LATCHKEY_TRYV(check_tenant_id(config.tenant_id));
  target.key_name = config.key_name;
  target.tenant_id = config.tenant_id;
  target.client_id = config.client_id.value_or(options_.client_id);
  target.api_version = options_.api_version;
  target.asked_for = key.asked_for();
  if (is_foreign(target) && std::holds_alternative<ClientSecret>(options_.credential)) {
    auto arguments = arguments_of(target);
    arguments.app = shown_text(target.client_id, 64);
    arguments.platform_app = options_.client_id;
    arguments.said =
        "it holds a client secret, which proves its own app alone; its operator may configure a certificate or a "
        "federated token instead";
    return reason_error(reason::kClientIdUntrusted, arguments);
  }
  return target;
}

Task<Result<http::ClientResponse>> AzureKeyProvider::send(const KeyTarget& target, http::ClientRequest request,
                                                          BearerToken token, Deadline deadline) {
  // Only this function sets the Authorization header, on a request whose host parse_vault_uri has checked.
  if (token) {
    std::string authorization = "Bearer ";
    authorization += as_text(token->reveal());
    request.headers.set("authorization", authorization);
    crypto::wipe(authorization);
  }
  std::string correlation_id(request.headers.get("x-ms-client-request-id"));
  std::string method = request.method;
  kms::MayAttempt may_attempt = [this, &target, deadline] { return access_check(target.asked_for, deadline); };
  LATCHKEY_CO_TRY(auto response, co_await transport_->send_while(std::move(may_attempt), std::move(request), deadline));
  if (!response) {
    auto error = co_await explain_no_response(target, response.error(), deadline);
    co_return error;
  }
  names_.record_response(target.vault.host);
  const auto& headers = response.value().headers;
  spdlog::debug("{}: {} with key {}: status {}, x-ms-request-id {}, x-ms-client-request-id {}, seen from {}",
                target.vault.host, method, target.key_name, response.value().status,
                shown_text(headers.get("x-ms-request-id"), 64), correlation_id,
                shown_text(headers.get("x-ms-keyvault-network-info"), 100));
  co_return std::move(response.value());
}

// A vault whose name is gone was deleted. That is a refusal, not an outage.
Task<Error> AzureKeyProvider::explain_no_response(const KeyTarget& target, http::TransportError failure,
                                                  Deadline deadline) {
  if (failure.failure == http::TransportFailure::UnknownName) {
    auto gone = co_await is_gone(target.vault.host, deadline);
    if (gone) co_return reason_error(reason::kVaultGone, arguments_of(target));
  }
  co_return vault_transport_error(failure, target);
}

// Called when DNS denies the host. It connects to other vaults and sends them no request, because the call is not for
// their owners.
Task<bool> AzureKeyProvider::is_gone(std::string host, Deadline deadline) {
  auto denial = names_.denied(host);
  if (denial != VaultNames::Denial::LookAround) co_return denial == VaultNames::Denial::Gone;
  auto until = std::min<Deadline>(deadline, clock_.steady() + kOtherVaultsTimeout);
  for (const auto& other : names_.others(host, kMostOthers)) {
    http::ClientRequest request;
    request.url = fmt::format("https://{}/", other);
    request.deadline = until;
    request.only_connects = true;
    auto response = co_await client_.send(std::move(request));
    if (response) {
      spdlog::warn("{} is not in DNS any more, and {} is: the vault counts as deleted", host, other);
      names_.others_resolve(host);
      co_return true;
    }
    if (response.error().failure == http::TransportFailure::UnknownName) (void)names_.denied(other);
  }
  co_return false;
}

Task<Result<http::ClientResponse>> AzureKeyProvider::ask(const KeyTarget& target, http::ClientRequest request,
                                                         Deadline deadline) {
  crypto::WipeAtExit wipe(request.body);
  auto wanted = token_target(target);
  const auto& organization = target.asked_for.organization;
  LATCHKEY_CO_TRY(auto terms, co_await terms_of(target.asked_for, deadline));
  auto ages = sign_in_ages(terms);
  LATCHKEY_CO_TRY(auto token, co_await tokens_->token(wanted, ages, deadline, organization));
  LATCHKEY_CO_TRY(auto response, co_await send(target, request, token, deadline));
  // Entra may have revoked the token before its time. So it tries one new token, unless the vault's challenge says that
  // it wants a token of another tenant.
  for (bool first = true; response.status == 401; first = false) {
    if (auto challenge = parse_challenge(response.headers.get("www-authenticate"))) {
      auto checked = check_challenge(*challenge, target);
      if (!checked) {
        auto error = checked.error();
        error.request_id = request_id_of(response);
        co_return error;
      }
    }
    if (!first) break;
    tokens_->drop(wanted, token);
    LATCHKEY_CO_TRY(token, co_await tokens_->token(wanted, ages, deadline, organization));
    LATCHKEY_CO_TRY(response, co_await send(target, request, token, deadline));
  }
  co_return response;
}

// A deleted key, a purged one and one that never existed give the same 404. So it asks for the deleted key of that
// name. Where the vault does not tell, or not soon, the refusal stays as it was, because it must not come late.
Task<Error> AzureKeyProvider::explain_not_found(KeyTarget target, Operation operation, Error error, Deadline deadline) {
  if (error.reason != reason::kKeyNotFound) co_return error;
  auto request = build_get_deleted(target, new_request_id());
  auto response = co_await ask(target, std::move(request), std::min(deadline, clock_.steady() + kDeletedKeyTimeout));
  if (!response) co_return error;
  co_return read_get_deleted(target, operation, std::move(error), response.value());
}

// Where a tenant does not know our app, the customer has often registered the wrong tenant. A request without a token
// makes the vault say which tenant governs it.
Task<Error> AzureKeyProvider::better_explained(KeyTarget target, Error error, Deadline deadline) {
  if (error.reason != reason::kAppNotConsented && error.reason != reason::kClientIdUnknown &&
      error.reason != reason::kTenantUnknown) {
    co_return error;
  }
  auto request = build_get(target, new_request_id());
  BearerToken none;
  auto response = co_await send(target, std::move(request), none, deadline);
  if (!response || response.value().status != 401) co_return error;
  auto challenge = parse_challenge(response.value().headers.get("www-authenticate"));
  if (!challenge) co_return error;
  auto checked = check_challenge(*challenge, target);
  if (!checked && checked.error().reason == reason::kTenantMismatch) co_return checked.error();
  co_return error;
}

}  // namespace

std::shared_ptr<kms::KeyProvider> make_azure_key_provider(AzureOptions options, http::Client& client,
                                                          const Clock& clock, RandomSource& random,
                                                          boost::asio::thread_pool& pool,
                                                          boost::asio::any_io_executor executor,
                                                          std::shared_ptr<kms::Sleeper> sleeper) {
  auto transport =
      std::make_shared<kms::RetryingTransport>(client, clock, random, sleeper, options.retry, &retry_after);
  auto tokens = std::make_shared<TokenSource>(transport, clock, random, pool, std::move(executor), std::move(sleeper),
                                              options.credential);
  return std::make_shared<AzureKeyProvider>(std::move(options), client, std::move(transport), std::move(tokens), clock,
                                            random);
}

}  // namespace latchkey::clouds::azure
