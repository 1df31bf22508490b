// Access tokens: cached per login host, tenant, app and scope, asked for by one request at a time however many wait.
//
// That Entra gave a token proves that the app may sign in, as of then; that it may no more, the vault does not learn
// while the token lives. So Entra is asked anew where the token is older than SignInAges::soft, and a refusal forgets
// it. While Entra cannot be asked the old one serves on, up to its end and SignInAges::hard: then Entra is asked again
// after 30 s, or soft where that is less, or as Retry-After says, up to a minute. That this machine has no proof to ask
// with is such an outage, too: nobody refused. Nothing but an attempt that ended in failure puts the next one off.
//
// Any organisation may name any tenant, and all sign in at a few hosts. So a limiter stands before each of these, as
// before the vaults (call_gate.hpp): organisations take turns, no one of them has all the room, and who holds a token
// that is to be proven anew goes first.
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

// Thread-safe. Made by make_shared: flights keep it alive.
class TokenSource : public std::enable_shared_from_this<TokenSource> {
 public:
  // The references outlive it.
  TokenSource(std::shared_ptr<kms::RetryingTransport> transport, const Clock& clock, RandomSource& random,
              boost::asio::thread_pool& pool, boost::asio::any_io_executor executor,
              std::shared_ptr<kms::Sleeper> sleeper, Credential credential);

  // Errors: those of read_token_response and transport_error; KeyUnreachable with platform_credential where this
  // machine cannot read or sign its own proof, and with timed_out where the deadline came before Entra's answer:
  // whoever comes next is told that, even if it is a refusal; no_turn where the limiter let nobody through in time,
  // which puts nothing off. `organization`: for whom, by which turns are taken.
  [[nodiscard]] Task<Result<BearerToken>> token(TokenTarget target, kms::SignInAges ages, Deadline deadline,
                                                std::string organization = {});

  // Forgets the token, as it was refused; a newer one that another caller has fetched since stays.
  void drop(const TokenTarget& target, const BearerToken& refused);

 private:
  struct SignIn {
    BearerToken token;  // null where Entra refused
    AgeTime asked_at;
    AgeTime refresh_at;  // by what Entra says of the token's life
    AgeTime ends_at;
    std::optional<AgeTime> failed_at;  // when Entra could not be asked again
    std::chrono::milliseconds patience{0};
    std::optional<Error> unheard;  // Entra's refusal, which nobody waited for

    [[nodiscard]] bool is_young(const kms::SignInAges& ages, AgeTime now) const;
    [[nodiscard]] bool serves(const kms::SignInAges& ages, AgeTime now) const;
    [[nodiscard]] bool is_put_off(const kms::SignInAges& ages, AgeTime now) const;
  };

  [[nodiscard]] std::optional<Result<BearerToken>> known(const TokenTarget& target, const kms::SignInAges& ages);
  [[nodiscard]] Result<BearerToken> heard(const TokenTarget& target, const kms::SignInAges& ages,
                                          Result<BearerToken> landed);
  [[nodiscard]] bool has_one_that_serves(const TokenTarget& target, const kms::SignInAges& ages);
  void keep(const TokenTarget& target, SignIn sign_in);
  void note_failure(const TokenTarget& target, const Error& error);
  [[nodiscard]] Task<Result<BearerToken>> fetch(TokenTarget target, kms::SignInAges ages, kms::VaultCall call);
  [[nodiscard]] Task<Result<SignIn>> ask_entra(TokenTarget target, std::chrono::seconds patience);
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
  SingleFlight<std::pair<TokenTarget, std::string>, Result<BearerToken>> flights_;  // of whose turn
};

}  // namespace latchkey::clouds::azure
