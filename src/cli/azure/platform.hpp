// The Platform of the customer's side: it calls the Admin API.
#pragma once

#include "cli/connection.hpp"
#include "clouds/azure/customer/platform.hpp"

namespace latchkey::cli::azure {

class ApiPlatform final : public clouds::azure::customer::Platform {
 public:
  explicit ApiPlatform(std::unique_ptr<ApiClient> client) : client_(std::move(client)) {}

  Result<std::vector<clouds::azure::customer::RegisteredKey>> keys() override;
  Result<clouds::azure::customer::RegisteredKey> add_key(const std::string& display_name,
                                                         const clouds::azure::customer::RegisteredKey& key) override;
  Result<clouds::azure::customer::RegisteredKey> change_key(const clouds::azure::customer::RegisteredKey& key) override;
  Result<clouds::azure::customer::Validation> validate(const std::string& id) override;
  Result<std::string> key_of_workspace(const std::string& workspace) override;
  Result<void> attach(const std::string& workspace, const std::string& id) override;

 private:
  std::unique_ptr<ApiClient> client_;
};

}  // namespace latchkey::cli::azure
