#include "api/api_service.hpp"

#include <optional>

#include <boost/algorithm/string/join.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "api/authenticator.hpp"
#include "api/error_body.hpp"
#include "api/parameters.hpp"
#include "api/refusals.hpp"
#include "api/request_id.hpp"
#include "base/json_fields.hpp"
#include "crypto/secret.hpp"
#include "crypto/wipe_at_exit.hpp"
#include "http/router.hpp"

namespace latchkey::api {

namespace {

// What the store said of an API key holds so long where this process hears of no change: another process may have
// revoked the key.
constexpr std::chrono::milliseconds kKeyIsTrusted{100};

}  // namespace

class ApiService::Impl {
 public:
  Impl(ServiceParts parts, std::vector<std::vector<Endpoint>> groups, ApiLimits limits)
      : parts_(std::move(parts)),
        limits_(limits),
        authenticator_(parts_.credentials, parts_.clock, parts_.metrics_token, limits.rates) {
    for (auto& group : groups) {
      for (auto& endpoint : group) endpoints_.push_back(std::move(endpoint));
    }
    for (const auto& endpoint : endpoints_) {
      route_metrics_.push_back(&parts_.metrics.route(endpoint.method, endpoint.pattern));
      router_.add(endpoint.method, endpoint.pattern, nullptr);
    }
  }

  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

  bool is_vital(const http::RequestHead& head) const {
    auto match = router_.match(head.method, head.path);
    return match.route != nullptr && endpoints_[index_of(match)].is_vital;
  }

  Task<http::Admission> admit(const http::RequestHead& head) {
    auto match = router_.match(head.method, head.path);
    if (match.route == nullptr) {
      co_return http::Admission{.refusal = unrouted(head, std::move(match.allowed_methods)), .known = false};
    }
    auto call = std::make_shared<AdmittedCall>();
    call->endpoint = &endpoints_[index_of(match)];
    call->route_metrics = route_metrics_[index_of(match)];
    call->path_parameters = std::move(match.parameters);
    if (call->endpoint->access == Access::Data) {
      for (const auto& [name, value] : call->path_parameters) {
        if (name == "workspace_id") parts_.compartments.foresee(value);
      }
    }
    call->body_limit = body_limit(*call->endpoint, head);
    call->request_id = make_request_id(parts_.random);
    call->permitted_at = parts_.clock.steady();
    auto ready = authenticator_.permit_at_hand(*call->endpoint, head, call->permitted_at);
    if (!ready) {
      ready = co_await authenticator_.permit(*call->endpoint, head);
      call->took = parts_.clock.steady() - call->permitted_at;
    }
    auto& permit = *ready;
    call->caller = std::move(permit.caller);
    call->taken = permit.taken;
    http::Admission admission;
    bool proven = !permit.refusal || call->taken;
    admission.known = call->endpoint->access != Access::Public && proven;
    if (permit.refusal) {
      admission.refusal = respond(*call, std::move(*permit.refusal));
    } else {
      admission.body_limit = call->body_limit;
      admission.room_behind_body = call->endpoint->room_behind_body;
      admission.group = call->caller.organization;
      admission.call = std::move(call);
    }
    co_return admission;
  }

  Task<http::Response> handle(http::Request& request) {
    return request.admitted ? serve(request) : admit_and_serve(request);
  }

  http::Response reject(http::Rejection why, const http::RequestHead* head) const {
    auto response = error_response(rejection(why, body_limit(head)), make_request_id(parts_.random));
    response.headers.add("cache-control", "no-store");
    return response;
  }

 private:
  // What the service knows of a call once it has read the head.
  struct AdmittedCall {
    const Endpoint* endpoint = nullptr;
    metrics::RouteMetrics* route_metrics = nullptr;
    http::PathParameters path_parameters;
    std::size_t body_limit = 0;
    audit::Caller caller;
    std::string request_id;
    SteadyTime permitted_at;           // the API key was valid at this time
    std::optional<Taken> taken;        // from the caller's rate; absent where the caller has none
    std::string_view workspace_id;     // of a call to the data plane, once its handler runs
    std::chrono::nanoseconds took{0};  // of look-ups and the handler, while nobody waited for the body
    bool confirmed = false;            // the handler asked Call::confirm
  };

  std::size_t index_of(const http::RouteMatch& match) const {
    return static_cast<std::size_t>(match.route - router_.routes().data());
  }

  // For a request that came without its admission, as from within this process.
  Task<http::Response> admit_and_serve(http::Request& request) {
    auto match = router_.match(request.method, request.path);
    bool is_secret = match.route != nullptr && endpoints_[index_of(match)].secret_body;
    std::optional<crypto::WipeAtExit> wipe_body;
    if (is_secret) wipe_body.emplace(request.body);
    auto admission = co_await admit(request);
    if (admission.refusal) co_return std::move(*admission.refusal);
    request.admitted = std::move(admission.call);
    co_return co_await serve(request);
  }

  static bool is_about_the_customers_key(const Error& error) {
    return error.code == ErrorCode::KeyDenied || error.code == ErrorCode::NetworkBlocked ||
           error.code == ErrorCode::KeyUnreachable;
  }

  static std::size_t body_limit(const Endpoint& endpoint, const http::RequestHead& head) {
    bool raw = endpoint.raw_body_limit > 0 && is_octet_stream(head);
    return raw ? endpoint.raw_body_limit : endpoint.body_limit;
  }

  // For rejections, which come without the call.
  std::size_t body_limit(const http::RequestHead* head) const {
    if (head == nullptr) return limits_.json_body;
    auto match = router_.match(head->method, head->path);
    return match.route == nullptr ? limits_.json_body : body_limit(endpoints_[index_of(match)], *head);
  }

  // 404, 405, or the response to OPTIONS. That needs no key: the documentation lists the methods, too.
  http::Response unrouted(const http::RequestHead& head, std::vector<std::string> allowed_methods) const {
    bool asks_for_methods = head.method == "OPTIONS";
    if (asks_for_methods && head.path == "*") allowed_methods = router_.methods();
    bool is_there = !allowed_methods.empty();
    auto request_id = make_request_id(parts_.random);
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

  Task<http::Response> serve(http::Request& request) {
    auto call_of = std::static_pointer_cast<AdmittedCall>(std::move(request.admitted));
    auto& admitted = *call_of;
    const auto& endpoint = *admitted.endpoint;
    std::optional<crypto::WipeAtExit> wipe_body;
    if (endpoint.secret_body) wipe_body.emplace(request.body);
    auto began = parts_.clock.steady();
    bool is_too_large = request.body.size() > admitted.body_limit;
    if (is_too_large) co_return respond(admitted, too_large(admitted.body_limit));
    request.path_parameters = std::move(admitted.path_parameters);
    if (endpoint.access == Access::Data) admitted.workspace_id = request.path_parameter("workspace_id");
    data::Confirm confirm_early = [this, of = &admitted] {
      of->confirmed = true;
      return confirm(*of);
    };
    Call call{.request = request,
              .caller = admitted.caller,
              .deadline = began + limits_.request_timeout,
              .confirm = std::move(confirm_early)};
    auto result = co_await endpoint.handler(std::move(call));
    if (result && !admitted.confirmed) {
      Result<void> confirmed = success();
      if (auto asking = confirm(admitted)) confirmed = co_await std::move(*asking);
      if (!confirmed) {
        crypto::wipe(result.value().body);
        result = confirmed.error();
      }
    }
    // A caller whose key has ended is nobody.
    if (!result && result.error().code == ErrorCode::Unauthenticated) admitted.caller = {};
    admitted.took += parts_.clock.steady() - began;
    co_return respond(admitted, std::move(result));
  }

  // Completes the response by what all responses have, counts it and logs it.
  http::Response respond(const AdmittedCall& call, Result<http::Response> result) const {
    bool succeeded = result.has_value();
    auto response = succeeded ? std::move(result.value()) : error_response(to_wire(result.error()), call.request_id);
    // The response names the workspace only once it is known to be the caller's: after that nothing but the customer's
    // key can fail so.
    bool names_workspace = succeeded || is_about_the_customers_key(result.error());
    add_common_headers(response, call, names_workspace ? call.workspace_id : std::string_view());
    // The data plane's responses do without the rate, but for those that refuse: writing it takes longer than counting.
    bool shows_rate = call.taken && (call.endpoint->access != Access::Data || !call.taken->allowed);
    if (shows_rate) add_rate_headers(response.headers, *call.taken, parts_.clock.now());
    call.route_metrics->responded(response.status, call.took);
    log(call, response.status, succeeded ? nullptr : &result.error());
    return response;
  }

  // Checks the API key once more between the work and the response: a caller whose key was revoked meanwhile gets
  // nothing. It asks the store only where a key of the organisation may have ended since, or where the request took
  // long.
  std::optional<Task<Result<void>>> confirm(const AdmittedCall& call) {
    auto& credentials = parts_.credentials;
    bool trusted =
        !credentials.may_have_ended(call.caller) && parts_.clock.steady() - call.permitted_at < kKeyIsTrusted;
    if (!call.caller.api_key_hash || trusted) return std::nullopt;
    return credentials.confirm(call.caller);
  }

  static void add_common_headers(http::Response& response, const AdmittedCall& call, std::string_view workspace_id) {
    response.headers.set("request-id", call.request_id);
    response.headers.set("cache-control", "no-store");
    if (call.endpoint->access == Access::Public || call.caller.api_key_id.empty()) return;
    auto organization = format_uuid(call.caller.organization);
    response.headers.set("anthropic-organization-id", organization);
    response.headers.set("latchkey-organization-id", organization);
    if (workspace_id.empty()) return;
    response.headers.set("anthropic-workspace-id", workspace_id);
    response.headers.set("latchkey-workspace-id", workspace_id);
  }

  static void log(const AdmittedCall& call, unsigned status, const Error* error) {
    auto level = status >= 500 ? spdlog::level::err : spdlog::level::debug;
    if (!spdlog::should_log(level)) return;
    spdlog::log(level, "{} {} {} in {} us, request {}, key {}{}", call.endpoint->method, call.endpoint->pattern, status,
                std::chrono::duration_cast<std::chrono::microseconds>(call.took).count(), call.request_id,
                call.caller.api_key_id.empty() ? "-" : call.caller.api_key_id,
                error == nullptr ? "" : fmt::format(": {}", json_fields::clean_text(describe(*error), 2048)));
  }

  ServiceParts parts_;
  ApiLimits limits_;
  Authenticator authenticator_;
  std::vector<Endpoint> endpoints_;
  std::vector<metrics::RouteMetrics*> route_metrics_;  // in the order of the endpoints
  http::Router router_;                                // in the order of the endpoints
};

ApiService::ApiService(ServiceParts parts, std::vector<std::vector<Endpoint>> groups, ApiLimits limits)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(groups), limits)) {}

ApiService::~ApiService() = default;

bool ApiService::is_vital(const http::RequestHead& head) const {
  return impl_->is_vital(head);
}

Task<http::Admission> ApiService::admit(const http::RequestHead& head) {
  return impl_->admit(head);
}

const std::vector<Endpoint>& ApiService::endpoints() const {
  return impl_->endpoints();
}

Task<http::Response> ApiService::handle(http::Request& request) {
  return impl_->handle(request);
}

http::Response ApiService::reject(http::Rejection why, const http::RequestHead* head) const {
  return impl_->reject(why, head);
}

}  // namespace latchkey::api
