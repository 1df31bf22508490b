// The catalogue of reasons why a key does not serve: for each name in kms/reasons.hpp its class, its cause in one
// sentence, and its cure. Errors are worded from it, `latchkey explain` prints it, and docs/reasons.md is made from it.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "kms/reason_table.hpp"

namespace latchkey::kms {

// "refused", "network_blocked", "unreachable", "ours", "alarm".
[[nodiscard]] std::string_view to_string(ReasonClass kind);

// In the order of the pages made from it; every class in one run.
[[nodiscard]] std::span<const ReasonText> reason_catalogue();
// Null where there is no such code.
[[nodiscard]] const ReasonText* find_reason(std::string_view code);

// What a cause and its cure speak of. What is not known stays the placeholder that the docs show; what is empty here is
// a remark that may be absent. Text out of a stranger's answer is made fit by azure::shown_text first.
struct ReasonArguments {
  std::string key = "<key>";
  std::string vault = "<vault>.vault.azure.net";         // the host
  std::string vault_option = "--vault-name <vault>";     // "--hsm-name ..." for a managed HSM
  std::string vault_name = "<vault>";                    // the host's first label
  std::string show = "az keyvault show --name <vault>";  // "... show --hsm-name ..."
  std::string grant =                                    // lets the app use the key
      "az role assignment create --role \"Key Vault Crypto User\" --assignee <app> --scope \"$(az keyvault show --name "
      "<vault> --query id -o tsv)/keys/<key>\"";
  std::string app = "<app>";                 // that asks
  std::string platform_app = "<our app>";    // the server's, where `app` is one that the owner registered
  std::string tenant = "<tenant>";           // as registered
  std::string governing = "another tenant";  // that governs the vault
  std::string host = "<host>";               // that was asked
  std::string operation = "the operation";   // "unwrapKey"
  std::string act = "use";                   // "unwrap with"
  std::string answer = "with a fault of its own (5xx), or with what is no answer of a key service";
  std::string said = "<what it said>";  // the service's own words
  std::string fix = "renew the secret, the certificate or the federated credential of that app";
  std::string unfit = "is not an RSA or RSA-HSM key of 3072 bits or more";
  std::string size = "3072";
  std::string tag = "<tag>";
  std::string until = "it is purged";
  std::string external_key = "<external key>";
  std::string suspender = "an admin of its organisation or the operator";
  std::string when;
  std::string note;
  std::string more;
};

// A reason that the catalogue has a text for: any other does not compile.
class KnownReason {
 public:
  consteval KnownReason(const ReasonEntry& entry);  // NOLINT(google-explicit-constructor): so that tables read plainly
  [[nodiscard]] constexpr const ReasonText& text() const { return *text_; }
  [[nodiscard]] constexpr const Reason& reason() const { return reason_; }

 private:
  const ReasonText* text_;
  Reason reason_;
};

// The catalogue's sentences about these arguments, without backticks.
[[nodiscard]] std::string cause_of(const ReasonText& text, const ReasonArguments& arguments);
[[nodiscard]] std::string cure_of(const ReasonText& text, const ReasonArguments& arguments);
// Code, reason and message of the catalogue: "<cause>. <cure>".
[[nodiscard]] Error reason_error(KnownReason reason, const ReasonArguments& arguments);
// Where in such a message its cure begins; absent where the message is worded otherwise.
[[nodiscard]] std::optional<std::size_t> find_cure(const ReasonText& text, std::string_view message);

// docs/reasons.md.
[[nodiscard]] std::string reasons_page();

// Without a comparison of pointers, which is no constant to g++ under UBSan.
consteval KnownReason::KnownReason(const ReasonEntry& entry) : text_(kReasonTable), reason_(entry) {
  bool found = false;
  for (const auto& text : kReasonTable) {
    if (text.entry->code != entry.code) continue;
    text_ = &text;
    found = true;
  }
  if (!found) throw std::logic_error("a reason that is not in the catalogue");
}

}  // namespace latchkey::kms
