#include "cli/api_client.hpp"

#include <cstdlib>
#include <iostream>
#include <iterator>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "base/task.hpp"
#include "http/retry_after.hpp"
#include "http/url.hpp"

namespace latchkey::cli {

namespace {

constexpr std::chrono::seconds kCallTimeout{90};
constexpr std::size_t kMaxAnswer = std::size_t{256} * 1024 * 1024;
constexpr std::size_t kMaxKeyFile = 4096;
constexpr std::chrono::hours kLongestRetryAfter{24};

Result<std::string> find_api_key(const Connection& connection) {
  std::string text;
  if (connection.api_key_file == "-") {
    std::getline(std::cin, text);
  } else if (!connection.api_key_file.empty()) {
    LATCHKEY_TRY(text, read_file(connection.api_key_file, kMaxKeyFile));
  } else if (const char* value = std::getenv(connection.key_variable.c_str())) {
    text = value;
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text.empty()) {
    return Error{ErrorCode::Invalid,
                 fmt::format("no API key: set {}, or give --api-key-file. With `latchkey dev`, source its dev.env",
                             connection.key_variable),
                 "no_api_key"};
  }
  return text;
}

ErrorCode code_of_status(unsigned status) {
  switch (status) {
    case 401:
      return ErrorCode::Unauthenticated;
    case 403:
      return ErrorCode::PermissionDenied;
    case 404:
      return ErrorCode::NotFound;
    case 409:
      return ErrorCode::Conflict;
    case 413:
      return ErrorCode::TooLarge;
    default:
      return status >= 500 ? ErrorCode::Unavailable : ErrorCode::Invalid;
  }
}

// Reads the error envelope into `error`; a body of another shape (a proxy's page) leaves it as it is.
void read_envelope(const std::string& text, Error& error) {
  boost::system::error_code failed;
  auto body = boost::json::parse(text, failed);
  const auto* object = failed ? nullptr : body.if_object();
  const auto* inner = object == nullptr ? nullptr : object->if_contains("error");
  if (inner == nullptr || !inner->is_object()) return;
  const auto& fields = inner->get_object();
  if (const auto* message = fields.if_contains("message"); message != nullptr && message->is_string()) {
    error.message = message->get_string().c_str();
  }
  if (const auto* details = fields.if_contains("details"); details != nullptr && details->is_object()) {
    const auto* reason = details->get_object().if_contains("error_code");
    if (reason != nullptr && reason->is_string()) error.reason = reason->get_string().c_str();
    const auto* beneath = details->get_object().if_contains("reason");
    if (beneath != nullptr && beneath->is_string()) {
      error.cause = std::make_shared<const Error>(Error{error.code, "", beneath->get_string().c_str()});
    }
  }
}

Error read_error(const http::ClientResponse& response) {
  Error error{code_of_status(response.status), fmt::format("the server answered {}", response.status)};
  read_envelope(response.body, error);
  error.retry_after = http::retry_after(response.headers, SystemClock().now(), kLongestRetryAfter);
  error.message += http::wait_note(error.retry_after);
  if (auto id = response.headers.get("request-id"); !id.empty()) error.message += fmt::format(" [{}]", id);
  return error;
}

}  // namespace

ApiClient::ApiClient(std::string url, crypto::SecretBytes api_key, std::unique_ptr<http::Client> client)
    : url_(std::move(url)), api_key_(std::move(api_key)), client_(std::move(client)) {}

Result<std::unique_ptr<ApiClient>> ApiClient::create(const Connection& connection) {
  LATCHKEY_TRY(auto api_key, find_api_key(connection));
  auto client = create(connection.url, connection.ca_file, api_key);
  crypto::wipe(api_key);
  return client;
}

Result<std::unique_ptr<ApiClient>> ApiClient::create(const std::string& url, std::string ca_file,
                                                     std::string_view api_key) {
  auto base = http::read_base_url(url);
  if (!base) return Error{ErrorCode::Invalid, fmt::format("--url or LATCHKEY_URL: {}", base.error().message)};
  http::ClientOptions options;
  LATCHKEY_TRY(options.proxy, http::proxies_of_environment(http::process_variable));
  options.ca_file = std::move(ca_file);
  options.address_policy = http::AddressPolicy::Any;
  options.user_agent = "latchkey-cli/" LATCHKEY_VERSION;
  LATCHKEY_TRY(auto client, http::make_curl_client(std::move(options)));
  return std::unique_ptr<ApiClient>(
      new ApiClient(std::move(base).value(), crypto::SecretBytes(as_bytes(api_key)), std::move(client)));
}

Result<http::ClientResponse> ApiClient::send(http::ClientRequest request) {
  request.headers.set("x-api-key", std::string(as_text(api_key_.reveal())));
  request.deadline = std::chrono::steady_clock::now() + kCallTimeout;
  request.max_response_bytes = kMaxAnswer;
  auto response = run_blocking(client_->send(std::move(request)));
  if (!response) {
    return Error{ErrorCode::Unavailable,
                 fmt::format("no Latchkey server answers at {}: {}. Start one with `latchkey dev` "
                             "or `latchkey serve`, or set LATCHKEY_URL",
                             url_, response.error().message)};
  }
  if (response.value().status >= 400) return read_error(response.value());
  return std::move(response).value();
}

Result<boost::json::object> ApiClient::call(std::string_view method, std::string_view path,
                                            const std::optional<boost::json::object>& body) {
  http::ClientRequest request;
  request.method = method;
  request.url = fmt::format("{}{}", url_, path);
  if (body) {
    request.headers.set("content-type", "application/json");
    request.body = boost::json::serialize(*body);
  }
  LATCHKEY_TRY(auto response, send(std::move(request)));
  boost::system::error_code failed;
  auto parsed = boost::json::parse(response.body, failed);
  if (failed || !parsed.is_object()) {
    return Error{ErrorCode::Unavailable, fmt::format("{} did not answer with JSON: is it a Latchkey server?", url_)};
  }
  return std::move(parsed.get_object());
}

Result<http::ClientResponse> ApiClient::call_raw(std::string_view path, std::string body, http::Headers headers) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = fmt::format("{}{}", url_, path);
  request.headers = std::move(headers);
  request.headers.set("content-type", "application/octet-stream");
  request.body = std::move(body);
  return send(std::move(request));
}

}  // namespace latchkey::cli
