#include "clouds/azure/provider/vault_errors.hpp"

#include <algorithm>
#include <array>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "clouds/azure/provider/retry_after.hpp"
#include "kms/retrying_transport.hpp"

namespace latchkey::clouds::azure {

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
  const http::ClientResponse& response;
  const VaultFault& fault;
};

// Returns the text behind `label` up to the end of the line, made fit for a message.
std::string line_behind(std::string_view text, std::string_view label) {
  auto at = text.find(label);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + label.size());
  return shown_text(text.substr(0, text.find_first_of("\r\n")), 200);
}

// The address from which the vault saw the call, so that its owner can allow it. It is in the refusal, or in a header
// of every response.
std::string address_seen(const Case& c) {
  auto address = line_behind(c.fault.message, "Client address: ");
  if (!address.empty()) return address;
  std::string info(c.response.headers.get("x-ms-keyvault-network-info"));
  std::replace(info.begin(), info.end(), ';', '\n');
  return line_behind("\n" + info, "\naddr=");
}

std::string_view act(Operation operation) {
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

// Adds the arguments that a row's sentences need beyond the key and the vault.
void say_own_words(const Case& c, AzureArguments& arguments) {
  if (!c.fault.message.empty()) arguments.said = shown_text(c.fault.message, 300);
}

void name_missing_role(const Case& c, AzureArguments& arguments) {
  auto action = line_behind(c.fault.message, "Action: ");
  if (!action.empty()) arguments.note = fmt::format(" (action {})", action);
  // A caller without a role cannot learn which keys exist.
  if (c.operation == Operation::Get) arguments.more = ", or the key is in another vault";
}

void name_address(const Case& c, AzureArguments& arguments) {
  auto address = address_seen(c);
  if (address.empty()) return;
  arguments.note = fmt::format(" (it saw the address {})", address);
  arguments.more = fmt::format(", which must cover {}", address);
}

void name_version(const Case& c, AzureArguments& arguments) {
  if (c.operation == Operation::Unwrap) arguments.note = " (or the version that wrapped this)";
}

void name_status(const Case& c, AzureArguments& arguments) {
  arguments.response = fmt::format("with status {}{}", c.response.status,
                                   c.fault.code.empty() ? std::string() : " " + shown_text(c.fault.code, 60));
}

void note_status(const Case& c, AzureArguments& arguments) {
  arguments.note = fmt::format(" (status {})", c.response.status);
}

void nothing_more(const Case&, AzureArguments&) {}

struct Row {
  unsigned status;
  std::string_view inner;  // empty: any
  std::string_view text;   // in the message; empty: any
  AzureReason reason;
  void (*more)(const Case&, AzureArguments&) = nothing_more;
};

// The first row that fits counts. Azure does not document the inner codes for keys outside their dates, so the text
// decides, too.
constexpr std::array kRows{
    Row{401, "", "AKV10032", reason::kTenantMismatch},
    Row{401, "", "", reason::kTokenRefused, say_own_words},
    Row{403, "ForbiddenByRbac", "", reason::kRoleMissing, name_missing_role},
    Row{403, "ForbiddenByPolicy", "", reason::kAccessPolicyVault},
    Row{403, "ForbiddenByFirewall", "", reason::kVaultFirewall, name_address},
    Row{403, "ForbiddenByConnection", "", reason::kPublicAccessDisabled},
    Row{403, "KeyDisabled", "", reason::kKeyDisabled},
    Row{403, "KeyExpired", "", reason::kKeyExpired},
    Row{403, "KeyNotYetValid", "", reason::kKeyNotYetValid},
    Row{403, "KeyOperationForbidden", "", reason::kKeyOperation},
    Row{403, "AccessDenied", "", reason::kAccessDenied, say_own_words},
    Row{403, "", "disabled key", reason::kKeyDisabled},
    Row{403, "", "expired", reason::kKeyExpired},
    Row{403, "", "not yet valid", reason::kKeyNotYetValid},
    Row{403, "", "Client address is not authorized", reason::kVaultFirewall, name_address},
    Row{403, "", "Public network access is disabled", reason::kPublicAccessDisabled},
    Row{403, "", "", reason::kAccessDenied, say_own_words},
    Row{409, "ObjectIsDeletedButRecoverable", "", reason::kKeyDeleted},
    Row{409, "ObjectIsBeingDeleted", "", reason::kKeyDeleted},
    Row{429, "", "", reason::kThrottled},
    Row{408, "", "", reason::kTimedOut, note_status},
};

bool fits(const Row& row, const Case& c) {
  return row.status == c.response.status && (row.inner.empty() || row.inner == c.fault.inner) &&
         (row.text.empty() || boost::algorithm::icontains(c.fault.message, row.text));
}

// We built the request that a 400 rejects. So with an unwrap the ciphertext may be wrong; anything else is our bug.
Row bad_request_row(const Case& c) {
  bool about_version = boost::algorithm::icontains(c.fault.message, "specified version");
  if (c.operation == Operation::Unwrap && c.fault.code == "BadParameter" && !about_version) {
    return {400, "", "", reason::kWrappedKeyDamaged, say_own_words};
  }
  return {400, "", "", reason::kRequestRejected, say_own_words};
}

Row row_for(const Case& c) {
  for (const auto& row : kRows) {
    if (fits(row, c)) return row;
  }
  if (c.response.status == 400) return bad_request_row(c);
  // Only a 404 in Key Vault's form counts: another server's page for a missing thing says nothing about the key.
  if (c.response.status == 404 && !c.fault.code.empty()) return {404, "", "", reason::kKeyNotFound, name_version};
  return {0, "", "", reason::kProviderFault, name_status};
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

Error vault_error(const KeyTarget& target, Operation operation, const http::ClientResponse& response, Timestamp now) {
  auto fault = read_fault(response.body);
  Case c{target, operation, response, fault};
  auto row = row_for(c);
  auto arguments = arguments_of(target);
  arguments.operation = to_string(operation);
  arguments.act = act(operation);
  arguments.said = "it does not say why";
  row.more(c, arguments);
  auto error = reason_error(row.reason, arguments);
  error.request_id = request_id_of(response);
  if (error.code == ErrorCode::KeyUnreachable) error.retry_after = retry_after(response.headers, now);
  return error;
}

Error vault_transport_error(const http::TransportError& failure, const KeyTarget& target) {
  using http::TransportFailure;
  if (failure.failure == TransportFailure::UnknownName) {
    return reason_error(reason::kVaultNameUnknown, arguments_of(target));
  }
  if (failure.failure == TransportFailure::AddressRefused) {
    return reason_error(reason::kVaultAddressRefused, arguments_of(target));
  }
  return kms::transport_error(failure, target.vault.host);
}

Error unreadable_response(const KeyTarget& target, Operation operation, const http::ClientResponse& response,
                          std::string_view what) {
  auto arguments = arguments_of(target);
  arguments.operation = to_string(operation);
  arguments.response = fmt::format("with something that is not Key Vault's: {}", what);
  auto error = reason_error(reason::kProviderFault, arguments);
  error.request_id = request_id_of(response);
  return error;
}

}  // namespace latchkey::clouds::azure
