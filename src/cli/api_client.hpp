// The command line's client of a Latchkey server: one blocking call at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/json/value.hpp>

#include "cli/command.hpp"
#include "http/client.hpp"
#include "library/server_client.hpp"

namespace latchkey::cli {

// No API key was given.
inline constexpr ReasonEntry kNoApiKey{"no_api_key", ReasonClass::Other, ErrorCode::Invalid};

class ApiClient {
 public:
  // Reads the API key from where `connection` says. Invalid (nothing was tried) where the variable or the file does not
  // exist; the error says how to set it.
  [[nodiscard]] static Result<std::unique_ptr<ApiClient>> create(const Connection& connection);
  // For a caller that has the key already.
  [[nodiscard]] static Result<std::unique_ptr<ApiClient>> create(const std::string& url, std::string ca_file,
                                                                 std::string_view api_key);

  // Sends JSON, or nothing, and reads JSON. A response of 400 and above is an Error: the server's message, with how
  // long to wait and the request id, and details.error_code as reason. Unavailable where no server can be reached.
  [[nodiscard]] Result<boost::json::object> call(std::string_view method, std::string_view path,
                                                 const std::optional<boost::json::object>& body = {});
  // Sends bytes (application/octet-stream) together with `headers`, and reads bytes.
  [[nodiscard]] Result<http::ClientResponse> call_raw(std::string_view path, std::string body, http::Headers headers);

 private:
  explicit ApiClient(std::unique_ptr<library::ServerClient> server) : server_(std::move(server)) {}
  [[nodiscard]] Result<http::ClientResponse> send(std::string_view path, http::ClientRequest request);

  std::unique_ptr<library::ServerClient> server_;
};

}  // namespace latchkey::cli
