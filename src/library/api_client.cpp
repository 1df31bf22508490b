#include "library/api_client.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "http/retry_after.hpp"

namespace latchkey::library {

namespace {

constexpr std::chrono::seconds kCallTimeout{90};
constexpr std::size_t kMaxResponse = std::size_t{256} * 1024 * 1024;
constexpr std::chrono::hours kLongestRetryAfter{24};
constexpr unsigned kLeastError = 400;
constexpr unsigned kTooManyRequests = 429;

// The server's error, with what a person at a terminal wants to know besides.
Error error_for_terminal(const http::ClientResponse& response) {
  auto error = error_of(response, SystemClock().now(), kLongestRetryAfter);
  // `-o json` shows a limit as "invalid".
  if (response.status == kTooManyRequests) error.code = ErrorCode::Invalid;
  error.cause += http::wait_note(error.retry_after);
  error.request_id = response.headers.get("request-id");
  return error;
}

}  // namespace

Result<std::unique_ptr<ApiClient>> ApiClient::create(const std::string& url, std::string ca_file,
                                                     std::string_view api_key) {
  LATCHKEY_TRY(auto server, ServerClient::create({.url = url,
                                                  .url_name = "--url or LATCHKEY_URL",
                                                  .api_key = api_key,
                                                  .ca_file = std::move(ca_file),
                                                  .user_agent = "latchkey-cli/" LATCHKEY_VERSION}));
  return std::unique_ptr<ApiClient>(new ApiClient(std::move(server)));
}

Result<http::ClientResponse> ApiClient::send(std::string_view path, http::ClientRequest request) {
  request.deadline = std::chrono::steady_clock::now() + kCallTimeout;
  request.max_response_bytes = kMaxResponse;
  auto response = server_->send(path, std::move(request));
  if (!response) {
    auto error = response.error();
    error.cure = "Start one with `latchkey dev` or `latchkey serve`, or set LATCHKEY_URL";
    return error;
  }
  if (response.value().status >= kLeastError) return error_for_terminal(response.value());
  return response;
}

Result<boost::json::object> ApiClient::call(std::string_view method, std::string_view path,
                                            const std::optional<boost::json::object>& body) {
  http::ClientRequest request;
  request.method = method;
  if (body) {
    request.headers.set("content-type", "application/json");
    request.body = boost::json::serialize(*body);
  }
  LATCHKEY_TRY(auto response, send(path, std::move(request)));
  boost::system::error_code failed;
  auto parsed = boost::json::parse(response.body, failed);
  if (failed || !parsed.is_object()) {
    return Error{ErrorCode::Unavailable,
                 fmt::format("the response of {} is no JSON: is it a Latchkey server?", server_->url())};
  }
  return std::move(parsed.get_object());
}

Result<http::ClientResponse> ApiClient::call_raw(std::string_view path, std::string body, http::Headers headers) {
  http::ClientRequest request;
  request.method = "POST";
  request.headers = std::move(headers);
  request.headers.set("content-type", "application/octet-stream");
  request.body = std::move(body);
  return send(path, std::move(request));
}

}  // namespace latchkey::library
