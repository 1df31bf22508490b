#include "kms/azure/azure_key_provider.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "base/id.hpp"
#include "base/log.hpp"
#include "kms/azure/answer_text.hpp"
#include "kms/azure/challenge.hpp"
#include "kms/azure/protocol.hpp"
#include "kms/azure/token_source.hpp"
#include "kms/reasons.hpp"
#include "kms/wipe_at_exit.hpp"

namespace latchkey::kms::azure {

namespace {

class AzureKeyProvider final : public KeyProvider {
 public:
  AzureKeyProvider(AzureOptions options, std::shared_ptr<RetryingTransport> transport,
                   std::shared_ptr<TokenSource> tokens, const Clock& clock, RandomSource& random)
      : options_(std::move(options)),
        transport_(std::move(transport)),
        tokens_(std::move(tokens)),
        clock_(clock),
        random_(random) {}

  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const crypto::SecretBytes& secret, Deadline deadline) override {
    LATCHKEY_CO_TRY(auto target, resolve(key));
    LATCHKEY_CO_TRY(auto request, build_wrap(target, secret, new_request_id()));
    LATCHKEY_CO_TRY(auto answer, co_await ask(target, std::move(request), deadline));
    co_return read_wrap(target, answer, clock_.now());
  }

  Task<Result<crypto::SecretBytes>> unwrap(const KeyLocation& key, const WrappedKey& wrapped,
                                           Deadline deadline) override {
    LATCHKEY_CO_TRY(auto target, resolve(key));
    LATCHKEY_CO_TRY(auto request, build_unwrap(target, wrapped, new_request_id()));
    LATCHKEY_CO_TRY(auto answer, co_await ask(target, std::move(request), deadline));
    WipeAtExit wipe(answer.body);
    co_return read_unwrap(target, answer, clock_.now());
  }

  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) override {
    LATCHKEY_CO_TRY(auto target, resolve(key));
    auto request = build_get(target, new_request_id());
    auto answer = co_await ask(target, std::move(request), deadline);
    if (!answer) co_return co_await better_explained(std::move(target), answer.error(), deadline);
    co_return read_get(target, answer.value(), clock_.now());
  }

 private:
  [[nodiscard]] Result<KeyTarget> resolve(const KeyLocation& key) const;
  [[nodiscard]] TokenTarget token_target(const KeyTarget& target) const {
    return {options_.login_host, target.tenant_id, target.client_id, target.vault.resource + "/.default",
            is_foreign(target) ? options_.client_id : std::string()};
  }
  [[nodiscard]] bool is_foreign(const KeyTarget& target) const {
    return !boost::algorithm::iequals(target.client_id, options_.client_id);
  }
  [[nodiscard]] RequestId new_request_id() { return {format_uuid(make_uuid(random_))}; }
  [[nodiscard]] Task<Result<http::ClientResponse>> ask(const KeyTarget& target, http::ClientRequest request,
                                                       Deadline deadline);
  [[nodiscard]] Task<Result<http::ClientResponse>> send(const KeyTarget& target, http::ClientRequest request,
                                                        BearerToken token, Deadline deadline);
  [[nodiscard]] Task<Error> better_explained(KeyTarget target, Error error, Deadline deadline);

  AzureOptions options_;
  std::shared_ptr<RetryingTransport> transport_;
  std::shared_ptr<TokenSource> tokens_;
  const Clock& clock_;
  RandomSource& random_;
};

Result<KeyTarget> AzureKeyProvider::resolve(const KeyLocation& key) const {
  const auto* azure = std::get_if<AzureKey>(&key);
  if (azure == nullptr) return Error{ErrorCode::Invalid, "this is no key in an Azure Key Vault"};
  KeyTarget target;
  LATCHKEY_TRY(target.vault, parse_vault_uri(azure->vault_uri, options_.vault_suffixes));
  LATCHKEY_TRYV(check_key_name(azure->key_name));
  LATCHKEY_TRYV(check_tenant_id(azure->tenant_id));
  target.key_name = azure->key_name;
  target.tenant_id = azure->tenant_id;
  target.client_id = azure->client_id.value_or(options_.client_id);
  target.api_version = options_.api_version;
  if (is_foreign(target) && std::holds_alternative<ClientSecret>(options_.credential)) {
    return Error{
        ErrorCode::KeyDenied,
        fmt::format("the key is registered for the app {}, but this server holds a client secret, which proves "
                    "its own app {} alone. Register the key without client_id and consent to that app (az ad sp "
                    "create --id {}), or have the operator configure a certificate or a federated token",
                    shown_text(target.client_id, 64), options_.client_id, options_.client_id),
        std::string(reason::kPlatformCredential)};
  }
  return target;
}

Task<Result<http::ClientResponse>> AzureKeyProvider::send(const KeyTarget& target, http::ClientRequest request,
                                                          BearerToken token, Deadline deadline) {
  // The Authorization header is set here alone, on a request whose host parse_vault_uri has checked.
  if (token) {
    std::string authorization = "Bearer ";
    authorization += as_text(token->reveal());
    request.headers.set("authorization", authorization);
    crypto::wipe(authorization);
  }
  std::string correlation_id(request.headers.get("x-ms-client-request-id"));
  std::string method = request.method;
  auto answer = co_await transport_->send(std::move(request), deadline);
  if (!answer) co_return transport_error(answer.error(), Peer::Vault, target.vault.host);
  const auto& headers = answer.value().headers;
  spdlog::debug("{}: {} with key {}: status {}, x-ms-request-id {}, x-ms-client-request-id {}, seen from {}",
                target.vault.host, method, target.key_name, answer.value().status,
                shown_text(headers.get("x-ms-request-id"), 64), correlation_id,
                shown_text(headers.get("x-ms-keyvault-network-info"), 100));
  co_return std::move(answer.value());
}

Task<Result<http::ClientResponse>> AzureKeyProvider::ask(const KeyTarget& target, http::ClientRequest request,
                                                         Deadline deadline) {
  WipeAtExit wipe(request.body);
  auto wanted = token_target(target);
  LATCHKEY_CO_TRY(auto token, co_await tokens_->token(wanted, deadline));
  LATCHKEY_CO_TRY(auto answer, co_await send(target, request, token, deadline));
  // A token may have been revoked before its time: one new one is tried, unless the vault says that it wants another
  // tenant's.
  for (bool first = true; answer.status == 401; first = false) {
    if (auto challenge = parse_challenge(answer.headers.get("www-authenticate"))) {
      auto checked = check_challenge(*challenge, target);
      if (!checked) {
        auto error = checked.error();
        error.message += request_id_note(answer);
        co_return error;
      }
    }
    if (!first) break;
    tokens_->drop(wanted, token);
    LATCHKEY_CO_TRY(token, co_await tokens_->token(wanted, deadline));
    LATCHKEY_CO_TRY(answer, co_await send(target, request, token, deadline));
  }
  co_return answer;
}

// "Your tenant does not know our app" is often "you registered the wrong tenant". The vault tells which one governs it
// to anybody who asks without a token.
Task<Error> AzureKeyProvider::better_explained(KeyTarget target, Error error, Deadline deadline) {
  if (error.reason != reason::kAppNotConsented && error.reason != reason::kTenantUnknown) co_return error;
  auto request = build_get(target, new_request_id());
  BearerToken none;
  auto answer = co_await send(target, std::move(request), none, deadline);
  if (!answer || answer.value().status != 401) co_return error;
  auto challenge = parse_challenge(answer.value().headers.get("www-authenticate"));
  if (!challenge) co_return error;
  auto checked = check_challenge(*challenge, target);
  if (!checked && checked.error().reason == reason::kTenantMismatch) co_return checked.error();
  co_return error;
}

}  // namespace

std::shared_ptr<KeyProvider> make_azure_key_provider(AzureOptions options, http::Client& client, const Clock& clock,
                                                     RandomSource& random, boost::asio::thread_pool& pool,
                                                     boost::asio::any_io_executor executor,
                                                     std::shared_ptr<Sleeper> sleeper) {
  auto transport = std::make_shared<RetryingTransport>(client, clock, random, std::move(sleeper), options.retry);
  auto tokens = std::make_shared<TokenSource>(transport, clock, random, pool, std::move(executor), options.credential);
  return std::make_shared<AzureKeyProvider>(std::move(options), std::move(transport), std::move(tokens), clock, random);
}

}  // namespace latchkey::kms::azure
