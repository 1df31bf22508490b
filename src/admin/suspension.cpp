#include "admin/suspension.hpp"

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::admin {

namespace {

// A reason has 500 characters at the most, each of up to 4 bytes.
constexpr std::size_t kMaxReason = 2000;

}  // namespace

Error suspended_error(const store::ExternalKeySuspension& suspension) {
  kms::ReasonArguments arguments;
  arguments.external_key = suspension.external_key_id;
  arguments.suspender = suspension.suspended_by;
  arguments.note = fmt::format(" at {}", format_timestamp(suspension.suspended_at));
  if (suspension.reason) {
    arguments.note += fmt::format(" (\"{}\")", json_fields::clean_text(*suspension.reason, kMaxReason));
  }
  return kms::reason_error(kms::reason::kSuspended, arguments);
}

Result<void> refuse_if_suspended(store::Transaction& transaction, const Uuid& organization,
                                 std::string_view external_key_id) {
  LATCHKEY_TRY(auto suspension, transaction.find_suspension(organization, external_key_id));
  if (suspension) return suspended_error(*suspension);
  return success();
}

}  // namespace latchkey::admin
