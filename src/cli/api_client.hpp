// The CLI's way to a Latchkey server: one blocking call at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/json/value.hpp>

#include "cli/command.hpp"
#include "crypto/secret.hpp"
#include "http/client.hpp"

namespace latchkey::cli {

class ApiClient {
 public:
  // Finds the API key. Invalid (nothing was tried) where the variable or the file is not there, with how to set it.
  [[nodiscard]] static Result<std::unique_ptr<ApiClient>> create(const Connection& connection);
  // With the key already in hand.
  [[nodiscard]] static Result<std::unique_ptr<ApiClient>> create(const std::string& url, std::string ca_file,
                                                                 std::string_view api_key);

  // Sends JSON, or nothing, and reads JSON. An answer of 400 and above is an Error: its message, details.error_code as
  // reason, and the request id in the message. Unavailable where there is no server to be reached.
  [[nodiscard]] Result<boost::json::object> call(std::string_view method, std::string_view path,
                                                 const std::optional<boost::json::object>& body = {});
  // Sends and reads bytes (application/octet-stream); `headers` go with it.
  [[nodiscard]] Result<http::ClientResponse> call_raw(std::string_view path, std::string body, http::Headers headers);

 private:
  ApiClient(std::string url, crypto::SecretBytes api_key, std::unique_ptr<http::Client> client);
  [[nodiscard]] Result<http::ClientResponse> send(http::ClientRequest request);

  std::string url_;
  crypto::SecretBytes api_key_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace latchkey::cli
