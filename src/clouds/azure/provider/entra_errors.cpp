#include "clouds/azure/provider/entra_errors.hpp"

#include <array>
#include <charconv>

#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "clouds/azure/provider/retry_after.hpp"

namespace latchkey::clouds::azure {

namespace {

struct EntraFault {
  unsigned long number = 0;  // 0: none
  std::string error;         // RFC 6749's
  std::string description;
  std::string trace_id;
  std::string correlation_id;
};

unsigned long number_behind(std::string_view text, std::string_view label) {
  auto at = text.find(label);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + label.size());
  unsigned long number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

EntraFault read_fault(const std::string& body) {
  EntraFault fault;
  auto parsed = json_fields::parse_object(body);
  if (!parsed) return fault;
  const auto& object = parsed.value();
  fault.error = text_field(object, "error");
  fault.description = text_field(object, "error_description");
  fault.trace_id = text_field(object, "trace_id");
  fault.correlation_id = text_field(object, "correlation_id");
  const auto* codes = object.if_contains("error_codes");
  if (codes != nullptr && codes->is_array() && !codes->get_array().empty()) {
    boost::system::error_code failure;
    auto first = codes->get_array().front();
    if (first.is_number()) fault.number = first.to_number<unsigned long>(failure);
    if (failure) fault.number = 0;
  }
  if (fault.number == 0) fault.number = number_behind(fault.description, "AADSTS");
  return fault;
}

enum class Case {
  AppNotConsented,
  AppDisabled,
  TenantUnknown,
  ConditionalAccess,
  SecretWrong,
  SecretExpired,
  CertificateRefused,
  AssertionTime,
  FederationMismatch,
  ResourceUnknown,
  Throttled,
  Bug,
  OtherCredential,
  OtherRefusal,
  Fault,
};

struct Row {
  unsigned long number;
  Case meaning;
};

constexpr std::array kRows{
    Row{700016, Case::AppNotConsented},
    Row{7000112, Case::AppDisabled},
    Row{90002, Case::TenantUnknown},
    Row{900023, Case::TenantUnknown},
    Row{900021, Case::TenantUnknown},
    Row{53003, Case::ConditionalAccess},
    Row{530032, Case::ConditionalAccess},
    Row{530034, Case::ConditionalAccess},
    Row{7000215, Case::SecretWrong},
    Row{7000222, Case::SecretExpired},
    Row{700027, Case::CertificateRefused},
    Row{700024, Case::AssertionTime},
    Row{700023, Case::CertificateRefused},
    Row{50013, Case::CertificateRefused},
    Row{500133, Case::AssertionTime},
    Row{70021, Case::FederationMismatch},
    Row{700211, Case::FederationMismatch},
    Row{700212, Case::FederationMismatch},
    Row{700213, Case::FederationMismatch},
    Row{7002137, Case::FederationMismatch},
    Row{7002138, Case::FederationMismatch},
    Row{500011, Case::ResourceUnknown},
    Row{50196, Case::Throttled},
    Row{90055, Case::Throttled},
    Row{90024, Case::Fault},
    Row{90033, Case::Fault},
    Row{70011, Case::Bug},
    Row{900144, Case::Bug},
};

Case meaning_of(const EntraFault& fault, unsigned status) {
  for (const auto& row : kRows) {
    if (row.number == fault.number) return row.meaning;
  }
  if (status == 429) return Case::Throttled;
  // The response does not have Entra's form, so it is not from Entra, and nobody refused.
  if (status >= 500 || fault.error.empty()) return Case::Fault;
  if (fault.error == "invalid_client") return Case::OtherCredential;
  if (fault.error == "temporarily_unavailable") return Case::Throttled;
  return Case::OtherRefusal;
}

// The ids by which Microsoft's support and the tenant's sign-in log find the request.
std::string ids_of(const EntraFault& fault) {
  std::string text;
  auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, shown_text(value, 64));
  };
  if (fault.number != 0) text = fmt::format("AADSTS{}", fault.number);
  add("trace id", fault.trace_id);
  add("correlation id", fault.correlation_id);
  return text;
}

// The sentence of Entra's description, without the code before it and the ids behind it.
std::string said(const EntraFault& fault) {
  std::string_view text = fault.description;
  if (text.starts_with("AADSTS")) text.remove_prefix(std::min(text.find(' ') + 1, text.size()));
  text = text.substr(0, text.find("Trace ID:"));
  return text.empty() ? std::string("it does not say why") : shown_text(text, 300);
}

AzureArguments arguments_of(const TokenTarget& target) {
  AzureArguments arguments;
  arguments.host = target.login_host;
  arguments.tenant = target.tenant;
  arguments.app = target.client_id;
  arguments.platform_app = target.platform_app;
  arguments.operation = "a token request";
  return arguments;
}

// Where an app that the key's owner registered does not accept our credential, the owner must look at it, because the
// app id may be a stranger's. Where the platform's own app does not accept it, the operator must, and nobody refused.
Error credential_refused(const TokenTarget& target, std::string said, std::string_view fix) {
  auto arguments = arguments_of(target);
  arguments.said = std::move(said);
  arguments.fix = fix;
  return target.platform_app.empty() ? reason_error(reason::kPlatformCredential, arguments)
                                     : reason_error(reason::kClientIdUntrusted, arguments);
}

Error in_words(const TokenTarget& target, const EntraFault& fault, Case meaning, unsigned status) {
  auto arguments = arguments_of(target);
  arguments.said = said(fault);
  switch (meaning) {
    case Case::AppNotConsented:
      return target.platform_app.empty() ? reason_error(reason::kAppNotConsented, arguments)
                                         : reason_error(reason::kClientIdUnknown, arguments);
    case Case::AppDisabled:
      return reason_error(reason::kAppDisabled, arguments);
    case Case::TenantUnknown:
      return reason_error(reason::kTenantUnknown, arguments);
    case Case::ConditionalAccess:
      return reason_error(reason::kConditionalAccess, arguments);
    case Case::SecretWrong:
      return credential_refused(target, "the client secret is wrong",
                                "configure the value of a secret of that app (not the secret's id)");
    case Case::SecretExpired:
      return credential_refused(
          target, "the client secret has expired",
          fmt::format("make a new one with az ad app credential reset --id {}", target.client_id));
    case Case::CertificateRefused:
      return credential_refused(target, fmt::format("the certificate's assertion is refused, {}", said(fault)),
                                "upload the certificate to that app, and check that it has not expired");
    case Case::AssertionTime:
      return credential_refused(target, "the assertion is outside its time",
                                "set this machine's clock right, or renew the federated token");
    case Case::FederationMismatch:
      return credential_refused(target, said(fault),
                                "make issuer, subject and audience of the app's federated credential equal to the "
                                "token's, to the letter; a new one takes minutes to work");
    case Case::ResourceUnknown:
      arguments.said = fmt::format("tenant {} knows no resource {}", target.tenant, target.scope);
      return reason_error(reason::kWrongCloud, arguments);
    case Case::Throttled:
      return reason_error(reason::kThrottled, arguments);
    case Case::Bug:
      return reason_error(reason::kRequestRejected, arguments);
    case Case::OtherCredential:
      return credential_refused(target, said(fault), "check the credential that is configured");
    case Case::OtherRefusal:
      return reason_error(reason::kSignInRefused, arguments);
    case Case::Fault:
      break;
  }
  arguments.response = fmt::format("with status {}", status);
  return reason_error(reason::kProviderFault, arguments);
}

}  // namespace

Error entra_error(const TokenTarget& target, const http::ClientResponse& response, Timestamp now) {
  auto fault = read_fault(response.body);
  auto error = in_words(target, fault, meaning_of(fault, response.status), response.status);
  error.request_id = ids_of(fault);
  if (error.code == ErrorCode::KeyUnreachable) error.retry_after = retry_after(response.headers, now);
  return error;
}

}  // namespace latchkey::clouds::azure
