// The Admin API as the customer's side wants it.
#pragma once

#include "cli/api_client.hpp"
#include "customer/azure/platform.hpp"

namespace latchkey::cli {

class ApiPlatform final : public customer::azure::Platform {
 public:
  explicit ApiPlatform(std::unique_ptr<ApiClient> client) : client_(std::move(client)) {}

  Result<std::vector<customer::azure::RegisteredKey>> keys() override;
  Result<customer::azure::RegisteredKey> add_key(const std::string& display_name,
                                                 const customer::azure::RegisteredKey& key) override;
  Result<customer::azure::RegisteredKey> change_key(const customer::azure::RegisteredKey& key) override;
  Result<customer::azure::Validation> validate(const std::string& id) override;
  Result<std::string> key_of_workspace(const std::string& workspace) override;
  Result<void> attach(const std::string& workspace, const std::string& id) override;

 private:
  std::unique_ptr<ApiClient> client_;
};

}  // namespace latchkey::cli
