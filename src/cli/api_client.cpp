#include "cli/api_client.hpp"

#include <cstdlib>
#include <iostream>
#include <iterator>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "http/retry_after.hpp"
#include "library/server_client.hpp"

namespace latchkey::cli {

namespace {

constexpr std::chrono::seconds kCallTimeout{90};
constexpr std::size_t kMaxResponse = std::size_t{256} * 1024 * 1024;
constexpr std::size_t kMaxKeyFile = 4096;
constexpr std::chrono::hours kLongestRetryAfter{24};
constexpr unsigned kLeastError = 400;
constexpr unsigned kTooManyRequests = 429;

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
    return Error{ErrorCode::Invalid, fmt::format("no API key: set {}, or give --api-key-file", connection.key_variable),
                 kNoApiKey, "With `latchkey dev`, source its dev.env"};
  }
  return text;
}

// The server's error, with what a person at a terminal wants to know besides.
Error error_of(const http::ClientResponse& response) {
  auto error = library::error_of(response, SystemClock().now(), kLongestRetryAfter);
  // `-o json` shows a limit as "invalid".
  if (response.status == kTooManyRequests) error.code = ErrorCode::Invalid;
  error.cause += http::wait_note(error.retry_after);
  error.request_id = response.headers.get("request-id");
  return error;
}

}  // namespace

Result<std::unique_ptr<ApiClient>> ApiClient::create(const Connection& connection) {
  LATCHKEY_TRY(auto api_key, find_api_key(connection));
  auto client = create(connection.url, connection.ca_file, api_key);
  crypto::wipe(api_key);
  return client;
}

Result<std::unique_ptr<ApiClient>> ApiClient::create(const std::string& url, std::string ca_file,
                                                     std::string_view api_key) {
  LATCHKEY_TRY(auto server, library::ServerClient::create({.url = url,
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
  if (response.value().status >= kLeastError) return error_of(response.value());
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
                 fmt::format("{} did not answer with JSON: is it a Latchkey server?", server_->url())};
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

}  // namespace latchkey::cli
