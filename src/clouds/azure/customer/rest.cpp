#include "clouds/azure/customer/rest.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/id.hpp"
#include "base/json_fields.hpp"
#include "base/task.hpp"
#include "clouds/azure/customer/reasons.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "clouds/azure/provider/retry_after.hpp"
#include "http/retry_after.hpp"

namespace latchkey::clouds::azure::customer {

namespace json = boost::json;
using clouds::azure::shown_text;
using clouds::azure::text_field;

namespace {

constexpr std::chrono::seconds kTimeout{60};
constexpr std::size_t kMostPages = 100;
constexpr std::size_t kLongestResponse = std::size_t{16} * 1024 * 1024;

ErrorCode code_of(unsigned status, std::string_view reason) {
  if (reason == "ForbiddenByFirewall" || reason == "ForbiddenByConnection") return ErrorCode::NetworkBlocked;
  switch (status) {
    case 401:
      return ErrorCode::Unauthenticated;
    case 403:
      return ErrorCode::PermissionDenied;
    case 404:
      return ErrorCode::NotFound;
    case 409:
      return ErrorCode::Conflict;
    case 408:
    case 429:
      return ErrorCode::Unavailable;
    default:
      return status >= 500 ? ErrorCode::Unavailable : ErrorCode::Invalid;
  }
}

// {"error": {"code", "message", "innererror": {"code"}}}, the form that ARM, Graph and Key Vault share.
Error refusal(const Call& call, const http::ClientResponse& response, Timestamp now) {
  std::string code;
  std::string message;
  if (auto body = json_fields::parse_object(response.body)) {
    const auto* error = body.value().if_contains("error");
    if (error != nullptr && error->is_object()) {
      const auto& fields = error->get_object();
      code = text_field(fields, "code");
      message = text_field(fields, "message");
      for (std::string_view name : {"innererror", "innerError"}) {
        const auto* inner = fields.if_contains(name);
        if (inner == nullptr || !inner->is_object()) continue;
        if (auto found = text_field(inner->get_object(), "code"); !found.empty()) code = found;
      }
    }
  }
  auto reason = shown_text(code, 64);
  auto wait = clouds::azure::retry_after(response.headers, now);
  return Error{
      code_of(response.status, reason),
      fmt::format("{} was refused with {}{}{}{}", call.what, response.status, reason.empty() ? "" : " " + reason,
                  message.empty() ? "" : ": " + shown_text(message, 400), http::wait_note(wait)),
      Reason::reported(reason),
      "",
      clouds::azure::request_id_of(response),
      wait};
}

std::string_view origin_of(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) return {};
  return url.substr(0, url.find('/', kScheme.size()));
}

}  // namespace

Rest::Rest(Tools tools, std::string tenant, std::string resource, Observer observer)
    : tools_(std::move(tools)),
      tenant_(std::move(tenant)),
      resource_(std::move(resource)),
      observer_(std::move(observer)) {}

Result<json::object> Rest::send(const Call& call) {
  LATCHKEY_TRY(auto token, tools_.sign_in.token(tenant_, resource_));
  http::ClientRequest request;
  request.method = call.method;
  request.url = call.url;
  request.max_response_bytes = kLongestResponse;
  request.deadline = tools_.clock.steady() + kTimeout;
  request.headers.set("authorization", "Bearer " + std::string(as_text(token->reveal())));
  request.headers.set("accept", "application/json");
  request.headers.set("x-ms-client-request-id", format_uuid(make_uuid(tools_.random)));
  if (call.body) {
    request.headers.set("content-type", "application/json");
    request.body = json::serialize(*call.body);
  }
  if (observer_) observer_(call);
  auto deadline = request.deadline;
  auto repeat = call.repeatable ? kms::Repeat::AfterAnyFault : kms::Repeat::WhenThrottled;
  auto response = run_blocking(tools_.transport->send(std::move(request), deadline, repeat));
  if (!response) {
    bool is_unknown = response.error().failure == http::TransportFailure::UnknownName;
    return Error{ErrorCode::Unavailable,
                 fmt::format("{}: {} cannot be reached: {}", call.what, origin_of(call.url), response.error().message),
                 is_unknown ? Reason(kUnknownName) : Reason()};
  }
  last_status_ = response.value().status;
  if (last_status_ < 200 || last_status_ >= 300) return refusal(call, response.value(), tools_.clock.now());
  auto body = json_fields::parse_object(response.value().body, true);
  if (body) return std::move(body.value());
  return Error{ErrorCode::Unavailable, fmt::format("{}: {} answered {} with something that is not JSON", call.what,
                                                   origin_of(call.url), last_status_)};
}

Result<json::array> Rest::list(Call call) {
  json::array all;
  auto origin = std::string(origin_of(call.url));
  for (std::size_t page = 0; page < kMostPages; ++page) {
    LATCHKEY_TRY(auto body, send(call));
    if (auto* items = body["value"].if_array(); items != nullptr) {
      for (auto& item : *items) {
        if (item.is_object()) all.push_back(std::move(item));
      }
    }
    auto next = text_field(body, "nextLink");
    if (next.empty()) next = text_field(body, "@odata.nextLink");
    if (next.empty()) return all;
    if (origin_of(next) != origin) {
      return Error{
          ErrorCode::Unavailable,
          fmt::format("{}: the next page is on another host than {}; it was not asked for", call.what, origin)};
    }
    call.url = next;
  }
  return Error{ErrorCode::Unavailable, fmt::format("{}: the list does not end", call.what)};
}

}  // namespace latchkey::clouds::azure::customer
