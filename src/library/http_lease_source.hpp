// Leases of data keys from a Latchkey server, over HTTP.
#pragma once

#include "library/lease_source.hpp"
#include "library/server_client.hpp"

namespace latchkey::library {

// Invalid as ServerClient::create, and where the key is empty.
[[nodiscard]] Result<std::shared_ptr<const ServerClient>> connect(std::string_view url, std::string_view api_key,
                                                                  std::string ca_file);

class HttpLeaseSource final : public LeaseSource {
 public:
  HttpLeaseSource(std::shared_ptr<const ServerClient> server, const Clock& clock, std::string workspace_id)
      : server_(std::move(server)), clock_(clock), workspace_id_(std::move(workspace_id)) {}
  [[nodiscard]] Result<LeasedKey> active_key() override;
  [[nodiscard]] Result<LeasedKey> key(const RawId& id) override;
  [[nodiscard]] Result<void> check(const RawId& id) override;

 private:
  [[nodiscard]] Result<LeasedKey> ask(const std::string& path);
  [[nodiscard]] Result<http::ClientResponse> send(std::string method, const std::string& path,
                                                  std::chrono::seconds timeout);
  std::shared_ptr<const ServerClient> server_;
  const Clock& clock_;
  std::string workspace_id_;
};

}  // namespace latchkey::library
