// Who sends a request, whether they may, and whether it is too soon: told from the head alone, before a body is read.
// What is refused takes tokens as what is served does, and once there are none the store is not asked any more.
#pragma once

#include <memory>
#include <optional>

#include "admin/credentials.hpp"
#include "api/endpoint.hpp"
#include "api/key_memory.hpp"
#include "api/rate_limiter.hpp"
#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/task.hpp"
#include "crypto/secret.hpp"
#include "http/message.hpp"

namespace latchkey::api {

class Authenticator {
 public:
  // `credentials` and `clock` outlive it. `metrics_token`: null where nobody may read metrics.
  Authenticator(admin::Credentials& credentials, const Clock& clock,
                std::shared_ptr<const crypto::SecretBytes> metrics_token, const RateLimits& limits);

  struct Permit {
    std::optional<Error> refusal;  // absent: let in
    audit::Caller caller;          // empty where nobody is known
    std::optional<Taken> taken;    // of the caller's rate; absent where there is none
  };
  // Refusals: Unauthenticated, PermissionDenied, RateLimited with the time to wait, NotFound for metrics that are
  // switched off, and the store's errors.
  [[nodiscard]] Task<Permit> permit(const Endpoint& endpoint, const http::RequestHead& head);

 private:
  [[nodiscard]] Task<Permit> check_key(const Endpoint& endpoint, const http::RequestHead& head);
  [[nodiscard]] Result<void> admit_scraper(const http::RequestHead& head) const;
  void take_turn(const Endpoint& endpoint, const audit::Caller& caller, Permit& permit);

  admin::Credentials& credentials_;
  const Clock& clock_;
  std::shared_ptr<const crypto::SecretBytes> metrics_token_;
  RateLimiter limiter_;
  KeyMemory keys_;
};

}  // namespace latchkey::api
