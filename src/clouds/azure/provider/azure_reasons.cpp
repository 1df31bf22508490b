#include "clouds/azure/provider/azure_reasons.hpp"

namespace latchkey::clouds::azure {

namespace {

constexpr std::string_view kRemarks =
    "\n## What Key Vault does not tell\n\nA deleted key, a purged one and one that never was answer alike: "
    "404. With the right to read the key (keys/read, which the roles of the guide have) Latchkey then asks "
    "for the deleted key of that name. If it is there, the reason is `key_deleted`, with the date until which "
    "it can be recovered; if it is not, and the key once wrapped something, `key_purged`; if the vault "
    "refuses to say, or nothing is known of the key, `key_not_found`, which claims no more than is known. For "
    "a few seconds after a deletion a vault lists the key nowhere. Purge protection can only be seen from the "
    "key owner's side: `latchkey azure verify`.\n";

}  // namespace

kms::NamedArguments AzureArguments::named() const {
  auto all = kms::ReasonArguments::named();
  all.insert(all.end(), {{"vault", vault},
                         {"vault_option", vault_option},
                         {"vault_name", vault_name},
                         {"show", show},
                         {"grant", grant},
                         {"app", app},
                         {"platform_app", platform_app},
                         {"tenant", tenant},
                         {"governing", governing},
                         {"act", act},
                         {"fix", fix},
                         {"unfit", unfit},
                         {"size", size},
                         {"tag", tag},
                         {"until", until},
                         {"more", more}});
  return all;
}

Error reason_error(AzureReason reason, const AzureArguments& arguments) {
  return kms::worded(reason.reason(), reason.text(), arguments.named());
}

kms::CloudReasons azure_reasons() {
  static const AzureArguments kNothingKnown;
  return {kReasonTable, kNothingKnown.named(), kRemarks};
}

}  // namespace latchkey::clouds::azure
