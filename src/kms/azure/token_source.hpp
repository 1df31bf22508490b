// Access tokens: cached per login host, tenant, app and scope, asked for again five minutes before they end, by one
// request at a time however many wait.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/single_flight.hpp"
#include "kms/azure/azure_key_provider.hpp"
#include "kms/azure/entra_protocol.hpp"
#include "kms/retrying_transport.hpp"

namespace latchkey::kms::azure {

using BearerToken = std::shared_ptr<const crypto::SecretBytes>;

// Thread-safe. Made by make_shared: flights keep it alive.
class TokenSource : public std::enable_shared_from_this<TokenSource> {
 public:
  // The references outlive it.
  TokenSource(std::shared_ptr<RetryingTransport> transport, const Clock& clock, RandomSource& random,
              boost::asio::thread_pool& pool, boost::asio::any_io_executor executor, Credential credential);

  // Errors: those of read_token_answer and transport_error; KeyUnreachable with platform_credential where this machine
  // cannot read or sign its own proof.
  [[nodiscard]] Task<Result<BearerToken>> token(TokenTarget target, Deadline deadline);

  // Forgets the token, as it was refused; a newer one that another caller has fetched since stays.
  void drop(const TokenTarget& target, const BearerToken& refused);

 private:
  struct Cached {
    BearerToken token;
    AgeTime refresh_at;
  };

  [[nodiscard]] BearerToken cached(const TokenTarget& target);
  void keep(const TokenTarget& target, Cached token);
  [[nodiscard]] Task<Result<BearerToken>> fetch(TokenTarget target);
  [[nodiscard]] Task<Result<std::string>> make_proof(TokenTarget target);

  std::shared_ptr<RetryingTransport> transport_;
  const Clock& clock_;
  RandomSource& random_;
  boost::asio::thread_pool& pool_;
  boost::asio::any_io_executor executor_;
  Credential credential_;
  std::mutex mutex_;
  std::map<TokenTarget, Cached> tokens_;
  SingleFlight<TokenTarget, Result<BearerToken>> flights_;
};

}  // namespace latchkey::kms::azure
