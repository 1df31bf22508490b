#include "library/server_client.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "base/task.hpp"
#include "http/retry_after.hpp"
#include "http/url.hpp"

namespace latchkey::library {

namespace json = boost::json;

namespace {

ErrorCode code_of(unsigned status) {
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
    case 429:
      return ErrorCode::Unavailable;
    default:
      return status >= 500 ? ErrorCode::Unavailable : ErrorCode::Invalid;
  }
}

// Null where there is no text at that place.
const json::string* text_at(const json::value& body, std::string_view pointer) {
  boost::system::error_code missing;
  const auto* value = body.find_pointer(pointer, missing);
  return value == nullptr ? nullptr : value->if_string();
}

}  // namespace

Result<std::unique_ptr<ServerClient>> ServerClient::create(const ServerClientSettings& settings) {
  auto base = http::read_base_url(settings.url);
  if (!base) return Error{ErrorCode::Invalid, fmt::format("{}: {}", settings.url_name, base.error().message())};
  http::ClientOptions options;
  LATCHKEY_TRY(options.proxy, http::proxies_of_environment(http::process_variable));
  options.ca_file = settings.ca_file;
  options.address_policy = http::AddressPolicy::Any;
  options.user_agent = settings.user_agent;
  LATCHKEY_TRY(auto client, http::make_curl_client(std::move(options)));
  return std::unique_ptr<ServerClient>(
      new ServerClient(std::move(base).value(), crypto::SecretBytes(as_bytes(settings.api_key)), std::move(client)));
}

Result<http::ClientResponse> ServerClient::send(std::string_view path, http::ClientRequest request) const {
  request.url = fmt::format("{}{}", url_, path);
  request.headers.set("x-api-key", std::string(as_text(api_key_.reveal())));
  auto response = run_blocking(http_->send(std::move(request)));
  if (!response) {
    return Error{ErrorCode::Unavailable,
                 fmt::format("no Latchkey server answers at {}: {}", url_, response.error().message)};
  }
  return std::move(response).value();
}

Error error_of(const http::ClientResponse& response, Timestamp now, std::chrono::milliseconds longest_wait) {
  Error error{code_of(response.status), fmt::format("the server answered {}", response.status)};
  error.retry_after = http::retry_after(response.headers, now, longest_wait);
  boost::system::error_code failed;
  auto body = json::parse(response.body, failed);
  if (failed) return error;
  if (const auto* message = text_at(body, "/error/message")) error.cause = message->c_str();
  if (const auto* reason = text_at(body, "/error/details/error_code")) error.reason = Reason::reported(reason->c_str());
  if (const auto* beneath = text_at(body, "/error/details/reason")) {
    error.beneath = std::make_shared<const Error>(Error{error.code, "", Reason::reported(beneath->c_str())});
  }
  return error;
}

}  // namespace latchkey::library
