#include "library/http_lender.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "base/task.hpp"
#include "http/retry_after.hpp"
#include "http/url.hpp"

namespace latchkey::library {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds kCallTimeout{35};  // the server gives itself 30
constexpr std::chrono::seconds kCheckTimeout{5};
constexpr std::size_t kMostAnswer = std::size_t{64} * 1024;
constexpr std::chrono::minutes kLongestRetryAfter{1};

ErrorCode code_of(unsigned status) {
  switch (status) {
    case 401:
      return ErrorCode::Unauthenticated;
    case 403:
      return ErrorCode::PermissionDenied;
    case 404:
      return ErrorCode::NotFound;
    case 429:
      return ErrorCode::Unavailable;
    default:
      return status >= 500 ? ErrorCode::Unavailable : ErrorCode::Invalid;
  }
}

// The error envelope; a body of another shape (a proxy's page) is told by its status.
Error read_error(const http::ClientResponse& response, Timestamp now) {
  Error error{code_of(response.status), fmt::format("the server answered {}", response.status)};
  error.retry_after = http::retry_after(response.headers, now, kLongestRetryAfter);
  boost::system::error_code failed;
  auto body = json::parse(response.body, failed);
  if (failed) return error;
  boost::system::error_code none;
  if (const auto* message = body.find_pointer("/error/message", none); message != nullptr && message->is_string()) {
    error.message = message->get_string().c_str();
  }
  if (const auto* code = body.find_pointer("/error/details/error_code", none); code != nullptr && code->is_string()) {
    error.reason = code->get_string().c_str();
  }
  return error;
}

}  // namespace

Result<std::shared_ptr<const Server>> make_server(std::string_view url, std::string_view api_key, std::string ca_file) {
  auto base = http::read_base_url(url);
  if (!base) return Error{ErrorCode::Invalid, fmt::format("url: {}", base.error().message)};
  if (api_key.empty()) return Error{ErrorCode::Invalid, "an API key is needed: one of the role service or workspace"};
  http::ClientOptions options;
  LATCHKEY_TRY(options.proxy, http::proxies_of_environment(http::process_variable));
  options.ca_file = std::move(ca_file);
  options.address_policy = http::AddressPolicy::Any;
  options.user_agent = "liblatchkey/" LATCHKEY_VERSION;
  LATCHKEY_TRY(auto client, http::make_curl_client(std::move(options)));
  return std::make_shared<const Server>(
      Server{std::move(base).value(), crypto::SecretBytes(as_bytes(api_key)), std::move(client)});
}

Result<LeasedKey> HttpLender::active_key() {
  return ask(active_key_path(workspace_id_));
}

Result<LeasedKey> HttpLender::key(const RawId& id) {
  return ask(key_path(workspace_id_, id));
}

Result<void> HttpLender::check(const RawId& id) {
  LATCHKEY_TRYV(send("GET", lease_path(workspace_id_, id), kCheckTimeout));
  return success();
}

Result<LeasedKey> HttpLender::ask(const std::string& path) {
  auto asked_at = clock_.age_time();
  LATCHKEY_TRY(auto response, send("POST", path, kCallTimeout));
  return read_leased_key(response.body, asked_at);
}

// An answer other than 200 is the error that it means.
Result<http::ClientResponse> HttpLender::send(std::string method, const std::string& path,
                                              std::chrono::seconds timeout) {
  http::ClientRequest request;
  request.method = std::move(method);
  request.url = server_->url + path;
  request.headers.set("x-api-key", std::string(as_text(server_->api_key.reveal())));
  request.deadline = clock_.steady() + timeout;
  request.max_response_bytes = kMostAnswer;
  auto response = run_blocking(server_->http->send(std::move(request)));
  if (!response) {
    return Error{ErrorCode::Unavailable,
                 fmt::format("no Latchkey server answers at {}: {}", server_->url, response.error().message)};
  }
  if (response.value().status != 200) return read_error(response.value(), clock_.now());
  return std::move(response).value();
}

}  // namespace latchkey::library
