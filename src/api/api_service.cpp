#include "api/api_service.hpp"

#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "api/endpoint.hpp"
#include "api/error_body.hpp"
#include "api/parameters.hpp"
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

WireError not_found(const http::RequestHead& head) {
  WireError error;
  error.status = 404;
  error.type = "not_found_error";
  error.message = fmt::format("There is nothing at {} {}. Look at the path, its version and its ids.",
                              json_fields::clean_text(head.method, 16), json_fields::clean_text(head.path, 256));
  return error;
}

WireError wrong_method(const http::RequestHead& head, std::string_view allowed) {
  WireError error;
  error.status = 405;
  error.type = "invalid_request_error";
  error.message = fmt::format("{} is not a method of {}. Use {}.", json_fields::clean_text(head.method, 16),
                              json_fields::clean_text(head.path, 256), allowed);
  return error;
}

Error too_large(std::size_t limit) {
  return Error{ErrorCode::TooLarge,
               fmt::format("The request body is larger than the {} bytes that this call takes.", limit)};
}

}  // namespace

class ApiService::Impl {
 public:
  Impl(ApiParts parts, ApiLimits limits) : parts_(std::move(parts)), limits_(limits), limiter_(limits.rates) {
    for (auto* make :
         {&external_key_endpoints, &key_health_endpoints, &workspace_endpoints, &data_key_endpoints,
          &organization_endpoints, &activity_endpoints, &webhook_endpoints, &data_plane_endpoints, &health_endpoints}) {
      for (auto& endpoint : make(parts_, limits_)) endpoints_.push_back(std::move(endpoint));
    }
    for (const auto& endpoint : endpoints_) {
      auto& counted = parts_.metrics.route(endpoint.method, endpoint.pattern);
      router_.add(endpoint.method, endpoint.pattern, [this, &endpoint, &counted](http::Request request) {
        return serve(endpoint, counted, std::move(request));
      });
    }
  }

  std::size_t body_limit(const http::RequestHead& head) const {
    auto match = router_.match(head.method, head.path);
    if (match.route == nullptr) return limits_.json_body;
    return body_limit(endpoints_[static_cast<std::size_t>(match.route - router_.routes().data())], head);
  }

  Task<http::Response> handle(http::Request request) {
    auto match = router_.match(request.method, request.path);
    if (match.route == nullptr) co_return unrouted(request, std::move(match.allowed_methods));
    request.path_parameters = std::move(match.parameters);
    co_return co_await match.route->handler(std::move(request));
  }

  http::Response reject(http::Rejection why, const http::RequestHead* head) const {
    auto response = error_response(rejection(why, head), new_request_id());
    response.headers.add("cache-control", "no-store");
    return response;
  }

 private:
  std::string new_request_id() const { return make_id(id_prefix::kRequest, parts_.random); }

  static bool speaks_of_the_key(const Error& error) {
    return error.code == ErrorCode::KeyDenied || error.code == ErrorCode::NetworkBlocked ||
           error.code == ErrorCode::KeyUnreachable;
  }

  static std::size_t body_limit(const Endpoint& endpoint, const http::RequestHead& head) {
    bool raw = endpoint.raw_body_limit > 0 && is_octet_stream(head);
    return raw ? endpoint.raw_body_limit : endpoint.body_limit;
  }

  // 404, 405, or what OPTIONS asks: no key is needed to hear of methods that the documentation lists.
  http::Response unrouted(const http::RequestHead& head, std::vector<std::string> allowed_methods) const {
    bool asks_for_methods = head.method == "OPTIONS";
    if (asks_for_methods && head.path == "*") allowed_methods = router_.methods();
    bool is_there = !allowed_methods.empty();
    auto request_id = new_request_id();
    http::Response response;
    if (asks_for_methods && is_there) {
      response.status = 204;
      response.headers.add("request-id", request_id);
    } else {
      auto allowed = boost::algorithm::join(allowed_methods, ", ");
      response = error_response(is_there ? wrong_method(head, allowed) : not_found(head), request_id);
    }
    response.headers.add("cache-control", "no-store");
    if (is_there) response.headers.add("allow", http::allow_field(allowed_methods));
    return response;
  }

  Task<http::Response> serve(const Endpoint& endpoint, metrics::RouteMetrics& counted, http::Request request) {
    auto request_id = new_request_id();
    auto began = parts_.clock.steady();
    auto method = request.method;
    Call call{std::move(request), {}, began + limits_.request_timeout};
    auto admitted = co_await admit(endpoint, call);
    auto taken = take_turn(endpoint, call.caller, admitted);
    auto caller = call.caller;
    std::string workspace_id;
    if (endpoint.access == Access::Data) workspace_id = call.request.path_parameter("workspace_id");
    Result<http::Response> result = http::Response();
    if (admitted) {
      result = co_await endpoint.handler(std::move(call));
    } else {
      result = admitted.error();
    }
    bool known = result.has_value();
    auto response = known ? std::move(result.value()) : error_response(to_wire(result.error()), request_id);
    // Named only once it is known to be the caller's: after that nothing but its key can fail so.
    bool found = known || speaks_of_the_key(result.error());
    finish(response, endpoint, caller, found ? workspace_id : std::string(), request_id);
    // The data plane's answers do without, but for those that refuse: writing them takes longer than counting.
    bool tells = taken && (endpoint.access != Access::Data || !taken->allowed);
    if (tells) add_rate_headers(response.headers, *taken, parts_.clock.now());
    auto took = parts_.clock.steady() - began;
    counted.answered(response.status, took);
    log(endpoint, response.status, caller, request_id, took, known ? nullptr : &result.error());
    co_return response;
  }

  static RouteClass class_of(const Endpoint& endpoint) {
    if (endpoint.access == Access::Data) return RouteClass::Data;
    if (endpoint.method == "GET") return RouteClass::Read;
    bool revokes = endpoint.pattern.ends_with("/suspend") || endpoint.pattern.ends_with("/shred");
    return revokes ? RouteClass::Revoke : RouteClass::Write;
  }

  // Of whom is admitted; takes the admission back where it is too soon.
  std::optional<Taken> take_turn(const Endpoint& endpoint, const admin::Caller& caller, Result<void>& admitted) {
    if (!admitted || caller.api_key_id.empty()) return std::nullopt;
    auto turn = limiter_.take(class_of(endpoint), caller, parts_.clock.steady());
    if (turn.refusal) admitted = std::move(*turn.refusal);
    return turn.taken;
  }

  // Fills in the caller, or says why the request goes no further.
  Task<Result<void>> admit(const Endpoint& endpoint, Call& call) {
    auto limit = body_limit(endpoint, call.request);
    if (call.request.body.size() > limit) co_return too_large(limit);
    if (endpoint.access == Access::Public) co_return success();
    if (endpoint.access == Access::Metrics) co_return admit_scraper(call.request);
    auto credential = credential_of(call.request);
    if (credential.empty()) {
      co_return Error{ErrorCode::Unauthenticated,
                      "No API key was sent. Put it in the x-api-key header, or in authorization as a Bearer token."};
    }
    auto address = call.request.client_address.to_string();
    auto user_agent = json_fields::clean_text(call.request.headers.get("user-agent"), kMaxUserAgent);
    LATCHKEY_CO_TRY(call.caller,
                    co_await parts_.credentials.authenticate(credential, std::move(address), std::move(user_agent)));
    if (allows(endpoint.access, call.caller.role)) co_return success();
    co_return Error{ErrorCode::PermissionDenied,
                    fmt::format("This is {}. {} {} needs {}.", name_of(call.caller.role), endpoint.method,
                                endpoint.pattern, needed(endpoint.access))};
  }

  Result<void> admit_scraper(const http::RequestHead& head) const {
    if (!parts_.metrics_token) {
      return Error{ErrorCode::NotFound,
                   "Metrics are switched off. Set metrics.token_file to a file with the token that the scraper sends."};
    }
    if (crypto::equal_constant_time(as_bytes(credential_of(head)), parts_.metrics_token->reveal())) return success();
    return Error{ErrorCode::Unauthenticated,
                 "Metrics want the token of metrics.token_file, as authorization: Bearer. API keys are not taken."};
  }

  // The headers that every answer has.
  static void finish(http::Response& response, const Endpoint& endpoint, const admin::Caller& caller,
                     const std::string& workspace_id, const std::string& request_id) {
    response.headers.set("request-id", request_id);
    response.headers.set("cache-control", "no-store");
    if (endpoint.access == Access::Public || caller.api_key_id.empty()) return;
    auto organization = format_uuid(caller.organization);
    response.headers.set("anthropic-organization-id", organization);
    response.headers.set("latchkey-organization-id", organization);
    if (workspace_id.empty()) return;
    response.headers.set("anthropic-workspace-id", workspace_id);
    response.headers.set("latchkey-workspace-id", workspace_id);
  }

  static void log(const Endpoint& endpoint, unsigned status, const admin::Caller& caller, const std::string& request_id,
                  std::chrono::nanoseconds took, const Error* error) {
    auto level = status >= 500 ? spdlog::level::err : spdlog::level::debug;
    spdlog::log(level, "{} {} {} in {} us, request {}, key {}{}", endpoint.method, endpoint.pattern, status,
                std::chrono::duration_cast<std::chrono::microseconds>(took).count(), request_id,
                caller.api_key_id.empty() ? "-" : caller.api_key_id,
                error == nullptr ? "" : fmt::format(": {}", json_fields::clean_text(describe(*error), 2048)));
  }

  WireError rejection(http::Rejection why, const http::RequestHead* head) const {
    WireError error;
    error.type = "invalid_request_error";
    switch (why) {
      case http::Rejection::Malformed:
        error.status = 400;
        error.message = "The request is not valid HTTP/1.1.";
        return error;
      case http::Rejection::HeadTooLarge:
        error.status = 431;
        error.message = "The request line and headers are too large. Send fewer or shorter ones.";
        return error;
      case http::Rejection::BodyTooLarge:
        return to_wire(too_large(head == nullptr ? limits_.json_body : body_limit(*head)));
      case http::Rejection::BodyTimeout:
        error.status = 408;
        error.message = "The request did not arrive in time. Send it again.";
        return error;
      case http::Rejection::Overloaded:
        error.status = 503;
        error.type = "overloaded_error";
        error.message = "The server has all the connections it can serve. Try again shortly.";
        error.retry_after = std::chrono::seconds(1);
        return error;
      case http::Rejection::HandlerFailed:
        return to_wire(Error{});
    }
    return to_wire(Error{});
  }

  ApiParts parts_;
  ApiLimits limits_;
  RateLimiter limiter_;
  std::vector<Endpoint> endpoints_;
  http::Router router_;
};

ApiService::ApiService(ApiParts parts, ApiLimits limits) : impl_(std::make_unique<Impl>(std::move(parts), limits)) {}

ApiService::~ApiService() = default;

std::size_t ApiService::body_limit(const http::RequestHead& head) const {
  return impl_->body_limit(head);
}

Task<http::Response> ApiService::handle(http::Request request) {
  return impl_->handle(std::move(request));
}

http::Response ApiService::reject(http::Rejection why, const http::RequestHead* head) const {
  return impl_->reject(why, head);
}

}  // namespace latchkey::api
