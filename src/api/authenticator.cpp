#include "api/authenticator.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::api {

namespace {

constexpr std::size_t kMaxUserAgent = 512;

std::string_view name_of(store::Role role) {
  switch (role) {
    case store::Role::Admin:
      return "an admin key";
    case store::Role::Service:
      return "a service key";
    case store::Role::Compliance:
      return "a compliance key";
    case store::Role::Workspace:
      return "a workspace key";
  }
  return "a key";
}

bool allows(Access access, store::Role role) {
  switch (access) {
    case Access::Public:
    case Access::Metrics:
      return true;
    case Access::Admin:
      return role == store::Role::Admin;
    case Access::Activity:
      return role == store::Role::Admin || role == store::Role::Compliance;
    case Access::Data:
      return role == store::Role::Service || role == store::Role::Workspace;
  }
  return false;
}

std::string_view needed(Access access) {
  switch (access) {
    case Access::Public:
    case Access::Metrics:
      return "no key";
    case Access::Admin:
      return "an admin key (sk-latchkey-admin01-...)";
    case Access::Activity:
      return "an admin key (sk-latchkey-admin01-...) or a compliance key (sk-latchkey-compliance01-...)";
    case Access::Data:
      return "a service key (sk-latchkey-service01-...) or a key of the workspace (sk-latchkey-workspace01-...)";
  }
  return "another key";
}

// The credential of x-api-key, or else of authorization; empty where there is none.
std::string_view credential_of(const http::RequestHead& head) {
  constexpr std::string_view kScheme = "Bearer ";
  if (head.headers.has("x-api-key")) return head.headers.get("x-api-key");
  auto authorization = head.headers.get("authorization");
  return boost::algorithm::istarts_with(authorization, kScheme) ? authorization.substr(kScheme.size())
                                                                : std::string_view();
}

RouteClass class_of(const Endpoint& endpoint) {
  if (endpoint.access == Access::Data) return RouteClass::Data;
  if (endpoint.method == "GET") return RouteClass::Read;
  bool revokes = endpoint.pattern.ends_with("/suspend") || endpoint.pattern.ends_with("/shred");
  return revokes ? RouteClass::Revoke : RouteClass::Write;
}

// A request that the role may not make counts as one that it may, so that no key uses up the organisation's requests of
// a class that it has no part in: a workspace's key in the wrong hands must not hold up a suspension.
RouteClass class_of(const Endpoint& endpoint, store::Role role) {
  if (allows(endpoint.access, role)) return class_of(endpoint);
  return allows(Access::Data, role) ? RouteClass::Data : RouteClass::Read;
}

}  // namespace

Authenticator::Authenticator(admin::Credentials& credentials, const Clock& clock,
                             std::shared_ptr<const crypto::SecretBytes> metrics_token, const RateLimits& limits)
    : credentials_(credentials), clock_(clock), metrics_token_(std::move(metrics_token)), limiter_(limits) {}

std::optional<Authenticator::Permit> Authenticator::permit_at_hand(const Endpoint& endpoint,
                                                                   const http::RequestHead& head, SteadyTime now) {
  Permit permit;
  if (endpoint.access == Access::Public) return permit;
  if (endpoint.access == Access::Metrics) {
    auto scraper = admit_scraper(head);
    if (!scraper) permit.refusal = scraper.error();
    return permit;
  }
  auto credential = credential_of(head);
  if (credential.empty()) {
    permit.refusal = Error{ErrorCode::Unauthenticated,
                           "No API key was sent",
                           {},
                           "Put it in the x-api-key header, or in authorization as a Bearer token."};
    return permit;
  }
  auto hash = admin::hash_of_api_key(credential);
  if (!hash) {
    permit.refusal = audit::unknown_api_key();
    return permit;
  }
  auto caller = credentials_.at_hand(*hash);
  if (!caller) return std::nullopt;
  permit.caller = std::move(*caller);
  take_turn(endpoint, permit.caller, permit, now);
  check_role(endpoint, head, permit);
  return permit;
}

// Without tokens the request does not reach the store: those of the key, or those of the address where this process
// does not know the key.
Task<Authenticator::Permit> Authenticator::permit(const Endpoint& endpoint, const http::RequestHead& head) {
  auto now = clock_.steady();
  if (auto ready = permit_at_hand(endpoint, head, now)) co_return std::move(*ready);
  Permit permit;
  // It has the shape of one, or the permit would have been at hand.
  auto hash = admin::hash_of_api_key(credential_of(head)).value();
  auto remembered = credentials_.last_known(hash);
  if (!remembered && unknown_keys_.contains(hash, now)) {
    permit.refusal = audit::unknown_api_key();
    co_return permit;
  }
  if (remembered) {
    permit.caller = *remembered;
    take_turn(endpoint, *remembered, permit, now);
  } else {
    permit.refusal = limiter_.refuse_address(head.client_address, now);
  }
  if (permit.refusal) co_return permit;
  auto caller = co_await credentials_.authenticate(hash, {}, {});
  bool is_nobodys = !caller && caller.error().code == ErrorCode::Unauthenticated;
  if (is_nobodys) {
    unknown_keys_.note(hash, clock_.steady());
    limiter_.note_unknown_key(head.client_address, clock_.steady());
  }
  if (!caller) co_return Permit{.refusal = caller.error(), .caller = {}, .taken = {}};
  permit.caller = std::move(caller).value();
  if (!remembered) take_turn(endpoint, permit.caller, permit, clock_.steady());
  check_role(endpoint, head, permit);
  co_return permit;
}

// Completes the permit of a caller who is known and had a turn.
void Authenticator::check_role(const Endpoint& endpoint, const http::RequestHead& head, Permit& permit) {
  if (permit.refusal) return;
  if (!allows(endpoint.access, permit.caller.role)) {
    permit.refusal =
        Error{ErrorCode::PermissionDenied, fmt::format("This is {}. {} {} needs {}.", name_of(permit.caller.role),
                                                       endpoint.method, endpoint.pattern, needed(endpoint.access))};
    return;
  }
  // The activity feed shows both; of data it shows nothing but counts.
  if (endpoint.access == Access::Data) return;
  permit.caller.ip_address = head.client_address.to_string();
  permit.caller.user_agent = json_fields::clean_text(head.headers.get("user-agent"), kMaxUserAgent);
}

void Authenticator::take_turn(const Endpoint& endpoint, const audit::Caller& caller, Permit& permit, SteadyTime now) {
  auto turn = limiter_.take(class_of(endpoint, caller.role), caller, now);
  permit.taken = turn.taken;
  permit.refusal = std::move(turn.refusal);
}

Result<void> Authenticator::admit_scraper(const http::RequestHead& head) const {
  if (!metrics_token_) {
    return Error{ErrorCode::NotFound,
                 "Metrics are switched off",
                 {},
                 "Set metrics.token_file to a file with the token that the scraper sends."};
  }
  if (crypto::equal_constant_time(as_bytes(credential_of(head)), metrics_token_->reveal())) return success();
  return Error{ErrorCode::Unauthenticated,
               "Metrics want the token of metrics.token_file, as authorization: Bearer. API keys are not taken."};
}

}  // namespace latchkey::api
