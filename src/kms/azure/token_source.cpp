#include "kms/azure/token_source.hpp"

#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "base/id.hpp"
#include "base/log.hpp"
#include "crypto/certificate.hpp"
#include "kms/patience.hpp"
#include "kms/reason_catalogue.hpp"
#include "kms/wipe_at_exit.hpp"

namespace latchkey::kms::azure {

namespace {

constexpr std::chrono::minutes kRefreshEarly{5};
constexpr std::chrono::seconds kFetchTimeout{15};
constexpr std::size_t kMostTokens = std::size_t{16} * 1024;
constexpr std::size_t kLongestFederatedToken = std::size_t{32} * 1024;

// Nobody was asked, so nobody refused.
Error own_proof_failed(Error cause, const TokenTarget& target, std::string_view what) {
  Facts facts;
  facts.app = target.client_id;
  facts.said = what;
  facts.fix = cause.message;
  auto error = reason_error(reason::kPlatformCredential, facts);
  error.cause = std::make_shared<const Error>(std::move(cause));
  return error;
}

Result<std::string> certificate_proof(const ClientCertificate& credential, const TokenTarget& target, Timestamp now,
                                      RandomSource& random) {
  auto certificate = crypto::read_certificate(credential.certificate_pem);
  if (!certificate) return own_proof_failed(certificate.error(), target, "the client certificate cannot be read");
  auto assertion =
      make_client_assertion(target, credential.private_key, certificate.value().sha256_thumbprint, now, random);
  if (!assertion) return own_proof_failed(assertion.error(), target, "the client assertion cannot be signed");
  return assertion;
}

Result<std::string> federated_proof(const FederatedTokenFile& credential, const TokenTarget& target) {
  auto text = read_file(credential.path, kLongestFederatedToken);
  if (!text) return own_proof_failed(text.error(), target, "the federated token file cannot be read");
  boost::algorithm::trim(text.value());
  if (text.value().empty()) {
    return own_proof_failed(Error{ErrorCode::Unavailable, fmt::format("{} is empty", credential.path)}, target,
                            "the federated token file has no token");
  }
  return text;
}

// What is cached ends when Entra says so, less five minutes; a short-lived one is still used for half its time.
std::chrono::seconds usable_for(const Token& token) {
  std::chrono::seconds usable = token.lifetime - kRefreshEarly;
  usable = std::max(usable, token.lifetime / 2);
  if (token.refresh_in) usable = std::min(usable, *token.refresh_in);
  return usable;
}

}  // namespace

TokenSource::TokenSource(std::shared_ptr<RetryingTransport> transport, const Clock& clock, RandomSource& random,
                         boost::asio::thread_pool& pool, boost::asio::any_io_executor executor, Credential credential)
    : transport_(std::move(transport)),
      clock_(clock),
      random_(random),
      pool_(pool),
      executor_(std::move(executor)),
      credential_(std::move(credential)) {}

Task<Result<BearerToken>> TokenSource::token(TokenTarget target, Deadline deadline) {
  if (auto token = cached(target)) co_return token;
  using Flight = std::function<Task<Result<BearerToken>>()>;
  Flight flight = [self = shared_from_this(), target] {
    Flight work = [self, target] { return self->fetch(target); };
    return self->flights_.run(self->executor_, target, guarded(std::move(work)));
  };
  auto patience = deadline - clock_.steady();
  auto token = co_await wait_at_most(executor_, patience, std::move(flight));
  if (token) co_return std::move(*token);
  co_return transport_error({http::TransportFailure::TimedOut, {}}, Peer::Login, target.login_host);
}

void TokenSource::drop(const TokenTarget& target, const BearerToken& refused) {
  std::lock_guard lock(mutex_);
  auto found = tokens_.find(target);
  if (found != tokens_.end() && found->second.token == refused) tokens_.erase(found);
}

BearerToken TokenSource::cached(const TokenTarget& target) {
  std::lock_guard lock(mutex_);
  auto found = tokens_.find(target);
  if (found == tokens_.end()) return nullptr;
  if (clock_.age_time() < found->second.refresh_at) return found->second.token;
  tokens_.erase(found);
  return nullptr;
}

void TokenSource::keep(const TokenTarget& target, Cached token) {
  std::lock_guard lock(mutex_);
  if (tokens_.size() >= kMostTokens) {
    std::erase_if(tokens_, [now = clock_.age_time()](const auto& entry) { return now >= entry.second.refresh_at; });
    if (tokens_.size() >= kMostTokens) tokens_.erase(tokens_.begin());
  }
  tokens_.insert_or_assign(target, std::move(token));
}

Task<Result<BearerToken>> TokenSource::fetch(TokenTarget target) {
  // A flight that began while the one before it was landing finds that one's token.
  if (auto token = cached(target)) co_return token;
  auto asked_at = clock_.age_time();
  auto deadline = clock_.steady() + kFetchTimeout;
  auto proof = co_await make_proof(target);
  if (!proof) co_return proof.error();
  WipeAtExit wipe_proof(proof.value());
  auto kind = std::holds_alternative<ClientSecret>(credential_) ? Proof::Secret : Proof::Assertion;
  auto correlation_id = format_uuid(make_uuid(random_));
  auto request = build_token_request(target, kind, proof.value(), correlation_id);
  auto answer = co_await transport_->send(std::move(request), deadline);
  if (!answer) co_return transport_error(answer.error(), Peer::Login, target.login_host);
  WipeAtExit wipe_answer(answer.value().body);
  spdlog::debug("{}: token for tenant {} and app {}: status {}, client-request-id {}", target.login_host, target.tenant,
                target.client_id, answer.value().status, correlation_id);
  LATCHKEY_CO_TRY(auto token, read_token_answer(target, answer.value(), clock_.now()));
  auto usable = usable_for(token);
  auto shared = std::make_shared<const crypto::SecretBytes>(std::move(token.text));
  keep(target, Cached{shared, asked_at + usable});
  co_return shared;
}

Task<Result<std::string>> TokenSource::make_proof(TokenTarget target) {
  if (const auto* secret = std::get_if<ClientSecret>(&credential_)) {
    co_return std::string(as_text(secret->secret->reveal()));
  }
  auto now = clock_.now();
  auto work = [this, target = std::move(target), now]() -> Result<std::string> {
    if (const auto* certificate = std::get_if<ClientCertificate>(&credential_)) {
      return certificate_proof(*certificate, target, now, random_);
    }
    return federated_proof(std::get<FederatedTokenFile>(credential_), target);
  };
  co_return co_await run_on(pool_, std::move(work));
}

}  // namespace latchkey::kms::azure
