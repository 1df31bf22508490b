// A client of a Latchkey server: the one place that sends calls with an API key and reads the server's errors, for the
// library and for the command line.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "crypto/secret.hpp"
#include "http/client.hpp"

namespace latchkey::library {

struct ServerClientSettings {
  std::string_view url;
  std::string_view url_name = "url";  // what an error about the URL calls it
  std::string_view api_key;
  std::string ca_file = {};  // PEM of the authorities to trust instead of the system's; may be empty
  std::string user_agent = {};
};

// Thread-safe.
class ServerClient {
 public:
  // Calls go through the proxies of the environment, as curl reads it. Invalid where the URL is none of http or https,
  // the CA file cannot be read, or a variable names no proxy.
  [[nodiscard]] static Result<std::unique_ptr<ServerClient>> create(const ServerClientSettings& settings);

  // Sends the request to `path` below the server's URL, with the API key, and blocks until the response is there; a
  // response with any status is a success. Unavailable where no server can be reached.
  [[nodiscard]] Result<http::ClientResponse> send(std::string_view path, http::ClientRequest request) const;

  [[nodiscard]] const std::string& url() const { return url_; }  // without a slash at its end
  [[nodiscard]] const crypto::SecretBytes& api_key() const { return api_key_; }

 private:
  ServerClient(std::string url, crypto::SecretBytes api_key, std::unique_ptr<http::Client> http)
      : url_(std::move(url)), api_key_(std::move(api_key)), http_(std::move(http)) {}
  std::string url_;
  crypto::SecretBytes api_key_;
  std::unique_ptr<http::Client> http_;
};

// The error that a response means: its code by the status; message, details.error_code as reason and details.reason as
// cause from the error envelope (docs/errors.md); Retry-After up to `longest_wait`. Where the body has another shape (a
// proxy's page), the status alone says what happened.
[[nodiscard]] Error error_of(const http::ClientResponse& response, Timestamp now,
                             std::chrono::milliseconds longest_wait);

}  // namespace latchkey::library
