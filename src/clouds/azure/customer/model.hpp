// What Azure's responses say about the things in the guide, as plain values. Texts are as strangers wrote them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace latchkey::clouds::azure::customer {

struct Subscription {
  std::string id;
  std::string tenant_id;
  std::string name;
};

// A vault in a list.
struct VaultName {
  std::string id;
  std::string name;
};

struct Vault {
  std::string id;
  std::string name;
  std::string location;
  std::string sku;  // "standard", "premium"
  std::string tenant_id;
  std::string uri;
  std::string provisioning_state;
  bool rbac = false;
  bool purge_protection = false;
  bool soft_delete = true;
  int soft_delete_days = 0;    // 0: the response does not say
  std::string public_access;   // "Enabled", "Disabled", ""
  std::string default_action;  // of the firewall; "" where there is none, which allows
  std::vector<std::string> ip_rules;
  boost::json::object network_acls;  // as in the response, for changing it
};
[[nodiscard]] Vault read_vault(const boost::json::object& body);

struct VaultKey {
  std::string id;  // with the version
  std::string type;
  std::size_t bits = 0;
  std::vector<std::string> operations;
  bool enabled = false;
  std::optional<Timestamp> not_before;
  std::optional<Timestamp> expires;
};
[[nodiscard]] VaultKey read_vault_key(const boost::json::object& body);

// A service principal.
struct Principal {
  std::string object_id;
  std::string app_id;
  std::string display_name;
  bool enabled = true;
};
[[nodiscard]] Principal read_principal(const boost::json::object& body);

struct Role {
  std::string id;
  std::string name;
  std::vector<std::string> data_actions;
  std::vector<std::string> not_data_actions;
};
[[nodiscard]] Role read_role(const boost::json::object& body);

struct RoleAssignment {
  std::string id;
  std::string scope;
  std::string role_id;
  std::string principal_id;
  std::optional<Timestamp> created;
};
[[nodiscard]] RoleAssignment read_role_assignment(const boost::json::object& body);

struct DiagnosticSetting {
  std::string name;
  bool audits = false;  // AuditEvent is on, by itself or in a group
  std::string sink;     // the resource that the log goes to; "" where it goes nowhere
};
[[nodiscard]] DiagnosticSetting read_diagnostic_setting(const boost::json::object& body);

}  // namespace latchkey::clouds::azure::customer
