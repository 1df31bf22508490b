// A client of a Latchkey server's API for the command line: one blocking call at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "http/client.hpp"
#include "library/server_client.hpp"

namespace latchkey::library {

class ApiClient {
 public:
  // Errors: those of ServerClient::create, whose Invalid names --url.
  [[nodiscard]] static Result<std::unique_ptr<ApiClient>> create(const std::string& url, std::string ca_file,
                                                                 std::string_view api_key);

  // Sends JSON, or nothing, and reads JSON. A response of 400 and above is an Error: the server's message, with how
  // long to wait and the request id, and details.error_code as reason. Unavailable where no server can be reached.
  [[nodiscard]] Result<boost::json::object> call(std::string_view method, std::string_view path,
                                                 const std::optional<boost::json::object>& body = {});
  // Sends bytes (application/octet-stream) together with `headers`, and reads bytes.
  [[nodiscard]] Result<http::ClientResponse> call_raw(std::string_view path, std::string body, http::Headers headers);

 private:
  explicit ApiClient(std::unique_ptr<ServerClient> server) : server_(std::move(server)) {}
  [[nodiscard]] Result<http::ClientResponse> send(std::string_view path, http::ClientRequest request);

  std::unique_ptr<ServerClient> server_;
};

}  // namespace latchkey::library
