#include "clouds/azure/provider/token_source.hpp"

#include <algorithm>

#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "base/id.hpp"
#include "base/log.hpp"
#include "base/timeout.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "crypto/certificate.hpp"
#include "crypto/wipe_at_exit.hpp"
#include "kms/key_errors.hpp"

namespace latchkey::clouds::azure {

namespace {

constexpr std::chrono::minutes kRefreshEarly{5};
constexpr std::chrono::seconds kFetchTimeout{15};
// The timeout where an old token still serves: the callers need the rest of their time to ask the vault.
constexpr std::chrono::seconds kRefreshTimeout{5};
constexpr std::chrono::milliseconds kBetweenFailures{30'000};
constexpr std::chrono::milliseconds kLongestRetryAfter{60'000};
constexpr std::chrono::minutes kPendingRefusalKept{1};
// The limits of a login host. They allow fewer calls than a client keeps connections to one host, so that no call waits
// for another one's connection.
constexpr kms::VaultLimits kLoginLimits{.per_key = 2, .per_vault = 12, .per_window = 1000};
constexpr std::size_t kMostTokens = std::size_t{16} * 1024;
constexpr std::size_t kLongestFederatedToken = std::size_t{32} * 1024;

// The error where this machine has no proof: nobody was asked, so nobody refused.
Error own_proof_failed(Error cause, const TokenTarget& target, std::string_view what) {
  AzureArguments arguments;
  arguments.app = target.client_id;
  arguments.said = what;
  arguments.fix = cause.message();
  auto error = reason_error(reason::kPlatformCredential, arguments);
  error.beneath = std::make_shared<const Error>(std::move(cause));
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

// How long to use a token before renewing it: until five minutes before its end, or when Entra advises it. A
// short-lived token serves for at least half its time.
std::chrono::seconds usable_for(const Token& token) {
  std::chrono::seconds usable = token.lifetime - kRefreshEarly;
  usable = std::max(usable, token.lifetime / 2);
  if (token.refresh_in) usable = std::min(usable, *token.refresh_in);
  return usable;
}

}  // namespace

TokenSource::TokenSource(std::shared_ptr<kms::RetryingTransport> transport, const Clock& clock, RandomSource& random,
                         boost::asio::thread_pool& pool, boost::asio::any_io_executor executor,
                         std::shared_ptr<kms::Sleeper> sleeper, Credential credential)
    : transport_(std::move(transport)),
      clock_(clock),
      random_(random),
      pool_(pool),
      executor_(std::move(executor)),
      limiter_(kms::VaultLimiter::create(clock, executor_, std::move(sleeper), kLoginLimits)),
      credential_(std::move(credential)) {}

bool TokenSource::SignIn::is_young(const kms::SignInAges& ages, AgeTime now) const {
  return token && now < std::min(refresh_at, asked_at + ages.soft);
}

bool TokenSource::SignIn::serves(const kms::SignInAges& ages, AgeTime now) const {
  return token && now < std::min(ends_at, asked_at + ages.hard);
}

bool TokenSource::SignIn::is_put_off(const kms::SignInAges& ages, AgeTime now) const {
  return failed_at && now < *failed_at + std::max(retry_after, std::min(kBetweenFailures, ages.soft));
}

Task<Result<BearerToken>> TokenSource::token(TokenTarget target, kms::SignInAges ages, Deadline deadline,
                                             std::string organization) {
  if (auto known_result = known(target, ages)) co_return std::move(*known_result);
  using Flight = std::function<Task<Result<BearerToken>>()>;
  // The renewal of a token takes its turn under the tenant's name, whichever caller needs it. For the first token of a
  // tenant, each organisation takes its own turn, so that it waits for no other organisation's.
  bool renews = has_one_that_serves(target, ages);
  kms::VaultCall call{target.login_host, renews ? target.tenant : std::move(organization), target.tenant,
                      renews ? kms::CallKind::Renewal : kms::CallKind::Request};
  Flight flight = [self = shared_from_this(), target, ages, call] {
    Flight work = [self, target, ages, call] { return self->fetch(target, ages, call); };
    return self->flights_.run(self->executor_, {target, call.organization}, guarded(std::move(work)));
  };
  auto timeout = deadline - clock_.steady();
  auto landed = co_await with_timeout(executor_, timeout, std::move(flight));
  if (landed) co_return conclude(target, ages, std::move(*landed));
  co_return kms::transport_error({http::TransportFailure::TimedOut, {}}, target.login_host);
}

void TokenSource::drop(const TokenTarget& target, const BearerToken& refused) {
  MutexLock lock(mutex_);
  auto found = sign_ins_.find(target);
  if (found != sign_ins_.end() && found->second.token == refused) sign_ins_.erase(found);
}

// Returns what a caller can be told without asking Entra; absent where Entra must be asked.
std::optional<Result<BearerToken>> TokenSource::known(const TokenTarget& target, const kms::SignInAges& ages) {
  MutexLock lock(mutex_);
  auto found = sign_ins_.find(target);
  if (found == sign_ins_.end()) return std::nullopt;
  auto now = clock_.age_time();
  auto& sign_in = found->second;
  if (sign_in.pending_refusal) {
    auto refusal = std::move(*sign_in.pending_refusal);
    bool is_recent = now < sign_in.ends_at;
    sign_ins_.erase(found);
    return is_recent ? std::optional<Result<BearerToken>>(std::move(refusal)) : std::nullopt;
  }
  bool may_serve = sign_in.is_young(ages, now) || (sign_in.is_put_off(ages, now) && sign_in.serves(ages, now));
  if (may_serve) return Result<BearerToken>(sign_in.token);
  return std::nullopt;
}

// Turns the result of the shared request into the caller's: after an outage the old token, where it still serves.
Result<BearerToken> TokenSource::conclude(const TokenTarget& target, const kms::SignInAges& ages,
                                          Result<BearerToken> landed) {
  if (landed) return landed;
  MutexLock lock(mutex_);
  auto found = sign_ins_.find(target);
  if (found == sign_ins_.end()) return landed;
  if (kms::is_refusal(landed.error())) {
    if (found->second.pending_refusal) sign_ins_.erase(found);
    return landed;
  }
  if (found->second.serves(ages, clock_.age_time())) return found->second.token;
  return landed;
}

bool TokenSource::has_one_that_serves(const TokenTarget& target, const kms::SignInAges& ages) {
  MutexLock lock(mutex_);
  auto found = sign_ins_.find(target);
  return found != sign_ins_.end() && found->second.serves(ages, clock_.age_time());
}

void TokenSource::keep(const TokenTarget& target, SignIn sign_in) {
  MutexLock lock(mutex_);
  if (sign_ins_.size() >= kMostTokens) {
    std::erase_if(sign_ins_, [now = clock_.age_time()](const auto& entry) { return now >= entry.second.ends_at; });
    if (sign_ins_.size() >= kMostTokens) sign_ins_.erase(sign_ins_.begin());
  }
  sign_ins_.insert_or_assign(target, std::move(sign_in));
}

void TokenSource::note_failure(const TokenTarget& target, const Error& error) {
  MutexLock lock(mutex_);
  auto found = sign_ins_.find(target);
  if (found == sign_ins_.end() || !found->second.token) return;
  auto now = clock_.age_time();
  found->second.failed_at = now;
  found->second.retry_after = std::min(error.retry_after.value_or(std::chrono::milliseconds(0)), kLongestRetryAfter);
  auto age = std::chrono::floor<std::chrono::seconds>(now - found->second.asked_at);
  spdlog::warn(
      "{} could not be asked whether app {} may still sign in to tenant {}; the token of {} s ago stays in use: {}",
      target.login_host, target.client_id, target.tenant, age.count(), describe(error));
}

Task<Result<BearerToken>> TokenSource::fetch(TokenTarget target, kms::SignInAges ages, kms::VaultCall call) {
  // The request before this one may have brought a result while this one began.
  if (auto known_result = known(target, ages)) co_return std::move(*known_result);
  auto timeout = call.kind == kms::CallKind::Renewal ? kRefreshTimeout : kFetchTimeout;
  // Where it gets no turn, it learned nothing about Entra, and notes no failure.
  LATCHKEY_CO_TRY(auto pass, co_await limiter_->enter(std::move(call), clock_.steady() + timeout));
  auto sign_in = co_await ask_entra(target, timeout);
  if (sign_in) {
    auto token = sign_in.value().token;
    keep(target, std::move(sign_in).value());
    co_return token;
  }
  auto error = sign_in.error();
  if (kms::is_refusal(error)) {
    auto now = clock_.age_time();
    keep(target, SignIn{.token = nullptr,
                        .asked_at = now,
                        .refresh_at = now,
                        .ends_at = now + kPendingRefusalKept,
                        .failed_at = std::nullopt,
                        .retry_after = {},
                        .pending_refusal = error});
  } else {
    note_failure(target, error);
  }
  co_return error;
}

Task<Result<TokenSource::SignIn>> TokenSource::ask_entra(TokenTarget target, std::chrono::seconds timeout) {
  auto asked_at = clock_.age_time();
  auto deadline = clock_.steady() + timeout;
  auto proof = co_await make_proof(target);
  if (!proof) co_return proof.error();
  crypto::WipeAtExit wipe_proof(proof.value());
  auto kind = std::holds_alternative<ClientSecret>(credential_) ? Proof::Secret : Proof::Assertion;
  auto correlation_id = format_uuid(make_uuid(random_));
  auto request = build_token_request(target, kind, proof.value(), correlation_id);
  auto response = co_await transport_->send(std::move(request), deadline);
  if (!response) co_return kms::transport_error(response.error(), target.login_host);
  crypto::WipeAtExit wipe_response(response.value().body);
  spdlog::debug("{}: token for tenant {} and app {}: status {}, client-request-id {}", target.login_host, target.tenant,
                target.client_id, response.value().status, correlation_id);
  LATCHKEY_CO_TRY(auto token, read_token_response(target, response.value(), clock_.now()));
  SignIn sign_in{};
  sign_in.asked_at = asked_at;
  sign_in.refresh_at = asked_at + usable_for(token);
  sign_in.ends_at = asked_at + token.lifetime;
  sign_in.token = std::make_shared<const crypto::SecretBytes>(std::move(token.text));
  co_return sign_in;
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

}  // namespace latchkey::clouds::azure
