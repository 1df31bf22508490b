// Finds out who sends a request, whether the sender may, and whether it is too soon, from the head alone: the server
// reads the body of a caller that it lets in. A refused request takes tokens as a served one does, and once there are
// no tokens left the authenticator no longer asks the store.
#pragma once

#include <memory>
#include <optional>

#include "admin/credentials.hpp"
#include "api/endpoint.hpp"
#include "api/rate_limiter.hpp"
#include "api/unknown_keys.hpp"
#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/task.hpp"
#include "crypto/secret.hpp"
#include "http/message.hpp"

namespace latchkey::api {

class Authenticator {
 public:
  // `credentials` and `clock` outlive the object. `metrics_token`: null where nobody may read metrics.
  Authenticator(admin::Credentials& credentials, const Clock& clock,
                std::shared_ptr<const crypto::SecretBytes> metrics_token, const RateLimits& limits);

  struct Permit {
    std::optional<Error> refusal;  // absent: the caller may go on
    audit::Caller caller;          // empty where nobody is known
    std::optional<Taken> taken;    // from the caller's rate; absent where the caller has none
  };
  // Refusals: Unauthenticated, PermissionDenied, RateLimited with the time to wait, NotFound for metrics that are
  // switched off, and the store's errors.
  [[nodiscard]] Task<Permit> permit(const Endpoint& endpoint, const http::RequestHead& head);
  // The same where nothing has to be looked up, which is nearly always; absent where the caller has to call permit().
  [[nodiscard]] std::optional<Permit> permit_at_hand(const Endpoint& endpoint, const http::RequestHead& head,
                                                     SteadyTime now);

 private:
  static void check_role(const Endpoint& endpoint, const http::RequestHead& head, Permit& permit);
  [[nodiscard]] Result<void> admit_scraper(const http::RequestHead& head) const;
  void take_turn(const Endpoint& endpoint, const audit::Caller& caller, Permit& permit, SteadyTime now);

  admin::Credentials& credentials_;
  const Clock& clock_;
  std::shared_ptr<const crypto::SecretBytes> metrics_token_;
  RateLimiter limiter_;
  UnknownKeys unknown_keys_;
};

}  // namespace latchkey::api
