// Gets access tokens from Entra and caches them per login host, tenant, app and scope. However many callers wait for a
// token, one request at a time asks for it.
//
// A token proves that the app could sign in when Entra gave it. Where the customer ends the app's access, the vault
// does not learn of it while the token lives. So the source asks Entra again once a token is older than
// SignInAges::soft, and forgets the token where Entra refuses. While Entra cannot be asked, the old token serves up to
// its end and up to SignInAges::hard; the source then tries again after 30 s, or after the soft age where that is less,
// or as long as Retry-After says, up to a minute. Where this machine has no proof to sign in with, that counts as such
// an outage, too, because nobody refused. Only an attempt that failed delays the next one.
//
// Any organisation may name any tenant, and all sign in at a few hosts. So a limiter bounds the calls to each host, as
// for vaults (kms/vault_limiter.hpp): organisations take turns, none of them may take all the room, and renewals of
// tokens go first.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/mutex.hpp"
#include "base/single_flight.hpp"
#include "clouds/azure/provider/azure_key_provider.hpp"
#include "clouds/azure/provider/entra_protocol.hpp"
#include "kms/retrying_transport.hpp"
#include "kms/vault_limiter.hpp"

namespace latchkey::clouds::azure {

using BearerToken = std::shared_ptr<const crypto::SecretBytes>;

// Thread-safe. Make it with make_shared: requests that are under way keep it alive.
class TokenSource : public std::enable_shared_from_this<TokenSource> {
 public:
  // The references outlive it.
  TokenSource(std::shared_ptr<kms::RetryingTransport> transport, const Clock& clock, RandomSource& random,
              boost::asio::thread_pool& pool, boost::asio::any_io_executor executor,
              std::shared_ptr<kms::Sleeper> sleeper, Credential credential);

  // Errors: those of read_token_response and transport_error, and KeyUnreachable with one of these reasons:
  //   platform_credential  this machine cannot read or sign its own proof
  //   timed_out            the deadline came before Entra's response; the next caller learns what the response said,
  //                        even where it is a refusal
  //   no_turn              the limiter let nobody through in time; this delays no later attempt
  // `organization` is the one that waits; organisations take turns.
  [[nodiscard]] Task<Result<BearerToken>> token(TokenTarget target, kms::SignInAges ages, Deadline deadline,
                                                std::string organization = {});

  // Forgets the token, because a vault refused it. A newer one that another caller has fetched since stays.
  void drop(const TokenTarget& target, const BearerToken& refused);

 private:
  struct SignIn {
    BearerToken token;  // null where Entra refused
    AgeTime asked_at;
    AgeTime refresh_at;  // from what Entra says about the token's lifetime
    AgeTime ends_at;
    std::optional<AgeTime> failed_at;          // when the latest attempt to renew it failed
    std::chrono::milliseconds retry_after{0};  // what that failure asked for
    std::optional<Error> pending_refusal;      // a refusal by Entra that no caller was there to receive

    [[nodiscard]] bool is_young(const kms::SignInAges& ages, AgeTime now) const;
    [[nodiscard]] bool serves(const kms::SignInAges& ages, AgeTime now) const;
    [[nodiscard]] bool is_put_off(const kms::SignInAges& ages, AgeTime now) const;
  };

  [[nodiscard]] std::optional<Result<BearerToken>> known(const TokenTarget& target, const kms::SignInAges& ages);
  [[nodiscard]] Result<BearerToken> conclude(const TokenTarget& target, const kms::SignInAges& ages,
                                             Result<BearerToken> landed);
  [[nodiscard]] bool has_one_that_serves(const TokenTarget& target, const kms::SignInAges& ages);
  void keep(const TokenTarget& target, SignIn sign_in);
  void note_failure(const TokenTarget& target, const Error& error);
  [[nodiscard]] Task<Result<BearerToken>> fetch(TokenTarget target, kms::SignInAges ages, kms::VaultCall call);
  [[nodiscard]] Task<Result<SignIn>> ask_entra(TokenTarget target, std::chrono::seconds timeout);
  [[nodiscard]] Task<Result<std::string>> make_proof(TokenTarget target);

  std::shared_ptr<kms::RetryingTransport> transport_;
  const Clock& clock_;
  RandomSource& random_;
  boost::asio::thread_pool& pool_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<kms::VaultLimiter> limiter_;
  Credential credential_;
  Mutex mutex_;
  std::map<TokenTarget, SignIn> sign_ins_ LATCHKEY_GUARDED_BY(mutex_);
  SingleFlight<std::pair<TokenTarget, std::string>, Result<BearerToken>> flights_;  // by target and whose turn it takes
};

}  // namespace latchkey::clouds::azure
