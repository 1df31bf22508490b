#include "library/http_lease_source.hpp"

namespace latchkey::library {

namespace {

constexpr std::chrono::seconds kCallTimeout{35};  // the server gives itself 30
constexpr std::chrono::seconds kCheckTimeout{5};
constexpr std::size_t kMaxResponse = std::size_t{64} * 1024;
constexpr std::chrono::minutes kLongestRetryAfter{1};

}  // namespace

Result<std::shared_ptr<const ServerClient>> connect(std::string_view url, std::string_view api_key,
                                                    std::string ca_file) {
  if (api_key.empty()) return Error{ErrorCode::Invalid, "an API key is needed: one of the role service or workspace"};
  LATCHKEY_TRY(auto client, ServerClient::create({.url = url,
                                                  .api_key = api_key,
                                                  .ca_file = std::move(ca_file),
                                                  .user_agent = "liblatchkey/" LATCHKEY_VERSION}));
  return std::shared_ptr<const ServerClient>(std::move(client));
}

Result<LeasedKey> HttpLeaseSource::active_key() {
  return ask(active_key_path(workspace_id_));
}

Result<LeasedKey> HttpLeaseSource::key(const RawId& id) {
  return ask(key_path(workspace_id_, id));
}

Result<void> HttpLeaseSource::check(const RawId& id) {
  LATCHKEY_TRYV(send("GET", lease_path(workspace_id_, id), kCheckTimeout));
  return success();
}

Result<LeasedKey> HttpLeaseSource::ask(const std::string& path) {
  auto asked_at = clock_.age_time();
  LATCHKEY_TRY(auto response, send("POST", path, kCallTimeout));
  return read_leased_key(response.body, asked_at);
}

// A response with a status other than 200 is an error.
Result<http::ClientResponse> HttpLeaseSource::send(std::string method, const std::string& path,
                                                   std::chrono::seconds timeout) {
  http::ClientRequest request;
  request.method = std::move(method);
  request.deadline = clock_.steady() + timeout;
  request.max_response_bytes = kMaxResponse;
  LATCHKEY_TRY(auto response, server_->send(path, std::move(request)));
  if (response.status != 200) return error_of(response, clock_.now(), kLongestRetryAfter);
  return response;
}

}  // namespace latchkey::library
