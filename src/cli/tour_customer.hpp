// The customer's calls of the tour, by the clients of src/clouds/azure/customer; each call is shown as it is made.
#pragma once

#include <memory>
#include <string>

#include "cli/azure_session.hpp"
#include "clouds/azure/customer/clients.hpp"
#include "dev/transcript.hpp"

namespace latchkey::cli {

class TourCustomer {
 public:
  // Signs in with the AZURE_* of `variables`, which also name the vault. All references must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<TourCustomer>> create(const clouds::azure::customer::Variables& variables,
                                                                    AzureTransport& transport, const Clock& clock,
                                                                    RandomSource& random, dev::Transcript& transcript);

  // Step 1: returns the service principal's object id, also where it exists already.
  [[nodiscard]] Result<std::string> consent(const std::string& app_id);
  // Step 2.
  [[nodiscard]] Result<void> create_key(const std::string& name);
  // Step 3, scoped to the key.
  [[nodiscard]] Result<void> grant(const std::string& role, const std::string& principal_id,
                                   const std::string& key_name);
  // Step 4: the vault as ARM shows it.
  [[nodiscard]] Result<clouds::azure::customer::Vault> show_vault();
  [[nodiscard]] Result<void> set_key_enabled(const std::string& key_name, bool enabled);

 private:
  TourCustomer(std::unique_ptr<clouds::azure::customer::SignIn> sign_in, clouds::azure::customer::Graph graph,
               clouds::azure::customer::ResourceManager resources, clouds::azure::customer::VaultKeys keys,
               std::string vault_id, RandomSource& random, dev::Transcript& transcript);

  std::unique_ptr<clouds::azure::customer::SignIn> sign_in_;
  clouds::azure::customer::Graph graph_;
  clouds::azure::customer::ResourceManager resources_;
  clouds::azure::customer::VaultKeys keys_;
  std::string vault_id_;
  RandomSource& random_;
  dev::Transcript& transcript_;
};

}  // namespace latchkey::cli
