// Makes errors in Azure's own terms, from the texts of reason_table.hpp, with az commands for the vault and key at
// hand.
#pragma once

#include <stdexcept>
#include <string>

#include "clouds/azure/provider/reason_table.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::clouds::azure {

// The arguments of Azure's texts, besides those of the common ones.
struct AzureArguments : kms::ReasonArguments {
  std::string vault = "<vault>.vault.azure.net";         // the host
  std::string vault_option = "--vault-name <vault>";     // "--hsm-name ..." for a managed HSM
  std::string vault_name = "<vault>";                    // the host's first label
  std::string show = "az keyvault show --name <vault>";  // "... show --hsm-name ..."
  std::string grant =                                    // lets the app use the key
      "az role assignment create --role \"Key Vault Crypto User\" --assignee <app> --scope \"$(az keyvault show --name "
      "<vault> --query id -o tsv)/keys/<key>\"";
  std::string app = "<app>";                 // the app that asks
  std::string platform_app = "<our app>";    // the server's app, where `app` is one that the owner registered
  std::string tenant = "<tenant>";           // as registered
  std::string governing = "another tenant";  // the tenant that governs the vault
  std::string act = "use";                   // "unwrap with"
  std::string fix = "renew the secret, the certificate or the federated credential of that app";
  std::string unfit = "is not an RSA or RSA-HSM key of 3072 bits or more";
  std::string size = "3072";
  std::string tag = "<tag>";
  std::string until = "it is purged";
  std::string more;

  // Views of these.
  [[nodiscard]] kms::NamedArguments named() const;
};

// A reason for which Azure's table or the common one has a text; any other reason does not compile.
class AzureReason {
 public:
  consteval AzureReason(const ReasonEntry& entry);  // NOLINT(google-explicit-constructor): so that tables read plainly
  [[nodiscard]] constexpr const kms::ReasonText& text() const { return *text_; }
  [[nodiscard]] constexpr const Reason& reason() const { return reason_; }

 private:
  const kms::ReasonText* text_;
  Reason reason_;
};

// Makes the error with the code, reason, cause and cure of the text.
[[nodiscard]] Error reason_error(AzureReason reason, const AzureArguments& arguments);

[[nodiscard]] kms::CloudReasons azure_reasons();

// It does not compare pointers, because g++ under UBSan does not accept that in a constant expression.
consteval AzureReason::AzureReason(const ReasonEntry& entry) : text_(kReasonTable), reason_(entry) {
  bool found = false;
  for (const auto& text : kReasonTable) {
    if (found || text.entry->code != entry.code) continue;
    text_ = &text;
    found = true;
  }
  for (const auto& text : kms::kCommonReasons) {
    if (found || text.entry->code != entry.code) continue;
    text_ = &text;
    found = true;
  }
  if (!found) throw std::logic_error("a reason that is not in the catalogue");
}

}  // namespace latchkey::clouds::azure
