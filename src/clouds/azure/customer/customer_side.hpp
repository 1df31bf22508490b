// The customer's side of the guide in one object: signed in, with a subscription, and with a client for each API.
// Blocking: for command lines.
#pragma once

#include "clouds/azure/customer/clients.hpp"
#include "clouds/azure/customer/customer_state.hpp"

namespace latchkey::clouds::azure::customer {

struct AzureScope {
  std::string subscription;    // id; empty: the one of the sign-in, or the only one there is
  std::string resource_group;  // empty: wherever the vault is
};

class CustomerSide {
 public:
  // Finds the subscription. Invalid where there are several and the scope names none; NotFound where the account cannot
  // see it. The references in `tools` must outlive the object.
  [[nodiscard]] static Result<CustomerSide> create(Rest::Tools tools, Target target, AzureScope where);

  // Looks up everything except the round trip. Changes nothing.
  [[nodiscard]] CustomerState gather();

  [[nodiscard]] const Target& target() const { return target_; }
  [[nodiscard]] const Subscription& subscription() const { return subscription_; }
  [[nodiscard]] ResourceManager& resources() { return resources_; }
  [[nodiscard]] Graph graph(const std::string& tenant) const;
  [[nodiscard]] Result<VaultKeys> keys(const Vault& vault) const;
  // The object id of the account that is signed in, and its type: "User" or "ServicePrincipal".
  [[nodiscard]] Result<std::pair<std::string, std::string>> signed_in() const;

 private:
  CustomerSide(Rest::Tools tools, Target target, AzureScope where, ResourceManager resources,
               Subscription subscription);
  [[nodiscard]] Result<Vault> find_vault();
  void look_at_key(CustomerState& state);
  void look_at_app(CustomerState& state);
  void look_at_roles(CustomerState& state);
  [[nodiscard]] std::vector<std::string> vaults_with_key();

  Rest::Tools tools_;
  Target target_;
  AzureScope where_;
  ResourceManager resources_;
  Subscription subscription_;
};

}  // namespace latchkey::clouds::azure::customer
