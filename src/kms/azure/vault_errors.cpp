#include "kms/azure/vault_errors.hpp"

#include <algorithm>
#include <array>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "kms/azure/answer_text.hpp"
#include "kms/reasons.hpp"
#include "kms/retrying_transport.hpp"

namespace latchkey::kms::azure {

namespace {

struct VaultFault {
  std::string code;
  std::string inner;
  std::string message;
};

const boost::json::object* object_in(const boost::json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found != nullptr ? found->if_object() : nullptr;
}

VaultFault read_fault(const std::string& body) {
  VaultFault fault;
  auto whole = json_fields::parse_object(body);
  if (!whole) return fault;
  const auto* error = object_in(whole.value(), "error");
  if (error == nullptr) return fault;
  fault.code = text_field(*error, "code");
  fault.message = text_field(*error, "message");
  const auto* inner = object_in(*error, "innererror");
  if (inner == nullptr) inner = object_in(*error, "innerError");
  if (inner != nullptr) fault.inner = text_field(*inner, "code");
  return fault;
}

// Everything that a row of the table needs to word its message.
struct Case {
  const KeyTarget& target;
  Operation operation;
  const http::ClientResponse& answer;
  const VaultFault& fault;
};

// What stands behind `label` up to the end of the line, made fit for a message.
std::string line_behind(std::string_view text, std::string_view label) {
  auto at = text.find(label);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + label.size());
  return shown_text(text.substr(0, text.find_first_of("\r\n")), 200);
}

// The address that the vault saw, for its owner to allow: in the refusal, or in a header of every answer.
std::string address_seen(const Case& c) {
  auto address = line_behind(c.fault.message, "Client address: ");
  if (!address.empty()) return address;
  std::string info(c.answer.headers.get("x-ms-keyvault-network-info"));
  std::replace(info.begin(), info.end(), ';', '\n');
  return line_behind("\n" + info, "\naddr=");
}

std::string_view forbidden_act(Operation operation) {
  switch (operation) {
    case Operation::Get:
      return "read";
    case Operation::Wrap:
      return "wrap with";
    case Operation::Unwrap:
      return "unwrap with";
  }
  return "";
}

std::string role_missing(const Case& c) {
  auto action = line_behind(c.fault.message, "Action: ");
  return fmt::format(
      "the app {} may not {} key \"{}\" in {}{}: a role is missing on the key, or was granted a moment ago (Azure "
      "takes up to ten minutes; wait and try again){}. Grant it: {}",
      c.target.client_id, forbidden_act(c.operation), c.target.key_name, c.target.vault.host,
      action.empty() ? std::string() : fmt::format(" (action {})", action),
      // Without a role nobody learns which keys are there.
      c.operation == Operation::Get ? ", or the key is in another vault" : "", az_grant_command(c.target));
}

std::string access_policy_vault(const Case& c) {
  return fmt::format(
      "the vault {} decides by access policies, and they do not let the app {} {}. Let the vault decide by roles (az "
      "keyvault update --name {} --enable-rbac-authorization true), then grant one: {}",
      c.target.vault.host, c.target.client_id, to_string(c.operation),
      c.target.vault.host.substr(0, c.target.vault.host.find('.')), az_grant_command(c.target));
}

std::string firewall(const Case& c) {
  auto address = address_seen(c);
  return fmt::format(
      "the firewall of vault {} refuses us{}; the key itself may be healthy. Allow the address: az keyvault "
      "network-rule add {} --ip-address <our egress range>{}. New rules can take minutes",
      c.target.vault.host, address.empty() ? "" : fmt::format(" (it saw the address {})", address),
      fmt::format("--name {}", c.target.vault.host.substr(0, c.target.vault.host.find('.'))),
      address.empty() ? "" : fmt::format(", which must cover {}", address));
}

std::string public_access_disabled(const Case& c) {
  return fmt::format(
      "public network access to vault {} is disabled; private endpoints are not supported. Enable it: az keyvault "
      "update --name {} --public-network-access Enabled",
      c.target.vault.host, c.target.vault.host.substr(0, c.target.vault.host.find('.')));
}

std::string key_disabled(const Case& c) {
  return fmt::format("key \"{}\" in {} is disabled. Enable it: {} --enabled true", c.target.key_name,
                     c.target.vault.host, az_key_command(c.target, "set-attributes"));
}

std::string key_expired(const Case& c) {
  return fmt::format(
      "key \"{}\" in {} has expired. Move its expiry: {} --expires <yyyy-mm-ddThh:mm:ssZ>; or make a new version: {}",
      c.target.key_name, c.target.vault.host, az_key_command(c.target, "set-attributes"),
      az_key_command(c.target, "rotate"));
}

std::string key_not_yet_valid(const Case& c) {
  return fmt::format(
      "key \"{}\" in {} is not valid yet. Move its activation date: {} --not-before <yyyy-mm-ddThh:mm:ssZ>",
      c.target.key_name, c.target.vault.host, az_key_command(c.target, "set-attributes"));
}

std::string key_operation(const Case& c) {
  return fmt::format("key \"{}\" in {} does not permit {}. Permit both: {} --ops wrapKey unwrapKey", c.target.key_name,
                     c.target.vault.host, to_string(c.operation), az_key_command(c.target, "set-attributes"));
}

std::string access_denied(const Case& c) {
  return fmt::format(
      "vault {} refuses {} with key \"{}\" to the app {}: {}. Look at the vault's access control (IAM) "
      "and at the key; the role is granted with: {}",
      c.target.vault.host, to_string(c.operation), c.target.key_name, c.target.client_id,
      c.fault.message.empty() ? std::string("it does not say why") : shown_text(c.fault.message, 300),
      az_grant_command(c.target));
}

std::string unauthorized(const Case& c) {
  return fmt::format(
      "vault {} does not take our token for tenant {}: {}. Compare tenant_id with \"{} "
      "--query properties.tenantId\"",
      c.target.vault.host, c.target.tenant_id,
      c.fault.message.empty() ? std::string("it does not say why") : shown_text(c.fault.message, 300),
      az_show_command(c.target.vault));
}

std::string wrong_tenant(const Case& c) {
  return fmt::format(
      "vault {} is governed by another tenant than {}, which is registered. Register the tenant that "
      "\"{} --query properties.tenantId\" prints",
      c.target.vault.host, c.target.tenant_id, az_show_command(c.target.vault));
}

std::string key_not_found(const Case& c) {
  return fmt::format(
      "key \"{}\"{} in vault {} was deleted or never existed; a deleted key can be recovered until it is purged. Check "
      "vault_uri, and key_name with \"az keyvault key list {}\"; recover with: {}",
      c.target.key_name, c.operation == Operation::Unwrap ? " (or the version that wrapped this)" : "",
      c.target.vault.host, az_vault_option(c.target.vault), az_key_command(c.target, "recover"));
}

std::string key_deleted(const Case& c) {
  return fmt::format("key \"{}\" in vault {} is deleted, and can be recovered until it is purged: {}",
                     c.target.key_name, c.target.vault.host, az_key_command(c.target, "recover"));
}

std::string bad_parameter(const Case& c) {
  return fmt::format("vault {} did not understand {} with key \"{}\": {}", c.target.vault.host, to_string(c.operation),
                     c.target.key_name, shown_text(c.fault.message, 300));
}

std::string not_its_ciphertext(const Case& c) {
  return fmt::format("key \"{}\" in vault {} did not wrap these bytes, or they are damaged: {}", c.target.key_name,
                     c.target.vault.host, shown_text(c.fault.message, 300));
}

std::string throttled(const Case& c) {
  return fmt::format(
      "vault {} is throttling requests; it allows about a hundred a second to an RSA-3072 key. Try again "
      "shortly; if it lasts, give this key a vault of its own",
      c.target.vault.host);
}

std::string provider_fault(const Case& c) {
  return fmt::format("vault {} answered {} with status {}{}. This is no matter of configuration; try again shortly",
                     c.target.vault.host, to_string(c.operation), c.answer.status,
                     c.fault.code.empty() ? std::string() : " " + shown_text(c.fault.code, 60));
}

struct Row {
  unsigned status;
  std::string_view code;   // empty: any
  std::string_view inner;  // empty: any
  std::string_view text;   // in the message; empty: any
  ErrorCode result;
  std::string_view reason;
  std::string (*word)(const Case&);
};

using enum ErrorCode;

// The first row that fits. The inner codes for keys outside their dates are not documented, so the text decides too.
constexpr std::array kRows{
    Row{401, "", "", "AKV10032", KeyDenied, reason::kTenantMismatch, wrong_tenant},
    Row{401, "", "", "", KeyDenied, reason::kAccessDenied, unauthorized},
    Row{403, "", "ForbiddenByRbac", "", KeyDenied, reason::kRoleMissing, role_missing},
    Row{403, "", "ForbiddenByPolicy", "", KeyDenied, reason::kAccessPolicyVault, access_policy_vault},
    Row{403, "", "ForbiddenByFirewall", "", NetworkBlocked, reason::kVaultFirewall, firewall},
    Row{403, "", "ForbiddenByConnection", "", NetworkBlocked, reason::kPublicAccessDisabled, public_access_disabled},
    Row{403, "", "KeyDisabled", "", KeyDenied, reason::kKeyDisabled, key_disabled},
    Row{403, "", "KeyExpired", "", KeyDenied, reason::kKeyExpired, key_expired},
    Row{403, "", "KeyNotYetValid", "", KeyDenied, reason::kKeyNotYetValid, key_not_yet_valid},
    Row{403, "", "KeyOperationForbidden", "", KeyDenied, reason::kKeyOperation, key_operation},
    Row{403, "", "AccessDenied", "", KeyDenied, reason::kAccessDenied, access_denied},
    Row{403, "", "", "disabled key", KeyDenied, reason::kKeyDisabled, key_disabled},
    Row{403, "", "", "expired", KeyDenied, reason::kKeyExpired, key_expired},
    Row{403, "", "", "not yet valid", KeyDenied, reason::kKeyNotYetValid, key_not_yet_valid},
    Row{403, "", "", "Client address is not authorized", NetworkBlocked, reason::kVaultFirewall, firewall},
    Row{403, "", "", "Public network access is disabled", NetworkBlocked, reason::kPublicAccessDisabled,
        public_access_disabled},
    Row{403, "", "", "", KeyDenied, reason::kAccessDenied, access_denied},
    Row{404, "", "", "", KeyDenied, reason::kKeyNotFound, key_not_found},
    Row{409, "", "ObjectIsDeletedButRecoverable", "", KeyDenied, reason::kKeyDeleted, key_deleted},
    Row{409, "", "ObjectIsBeingDeleted", "", KeyDenied, reason::kKeyDeleted, key_deleted},
    Row{429, "", "", "", KeyUnreachable, reason::kThrottled, throttled},
    Row{408, "", "", "", KeyUnreachable, reason::kTimedOut, provider_fault},
};

bool fits(const Row& row, const Case& c) {
  return row.status == c.answer.status && (row.code.empty() || row.code == c.fault.code) &&
         (row.inner.empty() || row.inner == c.fault.inner) &&
         (row.text.empty() || boost::algorithm::icontains(c.fault.message, row.text));
}

// A 400 answers a request that we built: what can be wrong with an unwrap is the ciphertext, and else it is our bug.
Row bad_request_row(const Case& c) {
  bool about_version = boost::algorithm::icontains(c.fault.message, "specified version");
  if (c.operation == Operation::Unwrap && c.fault.code == "BadParameter" && !about_version) {
    return {400, "", "", "", Corrupt, "", not_its_ciphertext};
  }
  return {400, "", "", "", Invalid, "", bad_parameter};
}

Row row_for(const Case& c) {
  for (const auto& row : kRows) {
    if (fits(row, c)) return row;
  }
  if (c.answer.status == 400) return bad_request_row(c);
  return {0, "", "", "", KeyUnreachable, reason::kProviderFault, provider_fault};
}

}  // namespace

std::string_view to_string(Operation operation) {
  switch (operation) {
    case Operation::Get:
      return "get";
    case Operation::Wrap:
      return "wrapKey";
    case Operation::Unwrap:
      return "unwrapKey";
  }
  return "";
}

Error vault_error(const KeyTarget& target, Operation operation, const http::ClientResponse& answer, Timestamp now) {
  auto fault = read_fault(answer.body);
  Case c{target, operation, answer, fault};
  auto row = row_for(c);
  Error error{row.result, row.word(c) + request_id_note(answer), std::string(row.reason)};
  if (row.result == ErrorCode::KeyUnreachable) error.retry_after = retry_after(answer.headers, now);
  return error;
}

Error unreadable_answer(const KeyTarget& target, Operation operation, const http::ClientResponse& answer,
                        std::string_view what) {
  return Error{ErrorCode::KeyUnreachable,
               fmt::format("{} answered {} with something that is not Key Vault's: {}{}", target.vault.host,
                           to_string(operation), what, request_id_note(answer)),
               std::string(reason::kProviderFault)};
}

}  // namespace latchkey::kms::azure
