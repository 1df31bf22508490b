// The customer's side of the guide: the calls that its admin makes to Entra, Graph, ARM and the vault. Over the public
// names, through whatever proxy and authority the settings say; nothing here knows an emulator.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <boost/json/object.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "cli/transcript.hpp"
#include "http/client.hpp"

namespace latchkey::cli {

struct CustomerSettings {
  std::string authority = "https://login.microsoftonline.com";
  std::string arm = "https://management.azure.com";
  std::string graph = "https://graph.microsoft.com";
  std::string tenant_id;
  std::string subscription_id;
  std::string resource_group;
  std::string client_id;  // of the admin's own credential
  std::string client_secret;
  std::string vault_name;
  std::string vault_uri;
};

class CustomerCloud {
 public:
  // Every call is told to `transcript`. All references outlive it.
  CustomerCloud(CustomerSettings settings, http::Client& client, RandomSource& random, Transcript& transcript);

  // Step 1: the service principal's object id; one that is there already is found.
  [[nodiscard]] Result<std::string> consent(const std::string& app_id);
  // Step 2: the key's id.
  [[nodiscard]] Result<std::string> create_key(const std::string& name);
  // Step 3, scoped to the key.
  [[nodiscard]] Result<void> grant(const std::string& role, const std::string& principal_id,
                                   const std::string& key_name);
  // Step 4: the vault as ARM shows it.
  [[nodiscard]] Result<boost::json::object> show_vault();
  [[nodiscard]] Result<void> set_key_enabled(const std::string& key_name, bool enabled);

 private:
  struct Answer {
    unsigned status = 0;
    boost::json::object body;
  };
  [[nodiscard]] Result<std::string> token(const std::string& resource);
  [[nodiscard]] Result<Answer> call(std::string_view method, const std::string& resource, const std::string& url,
                                    const boost::json::object* body);
  [[nodiscard]] std::string vault_id() const;
  [[nodiscard]] std::string key_url(const std::string& name, std::string_view operation) const;

  CustomerSettings settings_;
  http::Client& client_;
  RandomSource& random_;
  Transcript& transcript_;
  std::map<std::string, std::string> tokens_;
};

}  // namespace latchkey::cli
