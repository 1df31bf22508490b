#include "admin/suspension.hpp"

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "kms/reasons.hpp"

namespace latchkey::admin {

namespace {

constexpr std::size_t kMaxReason = 1024;

}  // namespace

Error suspended_error(const store::ExternalKeySuspension& suspension) {
  auto why = suspension.reason ? fmt::format(" (\"{}\")", json_fields::clean_text(*suspension.reason, kMaxReason))
                               : std::string();
  return Error{
      ErrorCode::KeyDenied,
      fmt::format("External key {0} was suspended by {1} at {2}{3}. An admin ends it with: latchkey keys "
                  "resume {0}",
                  suspension.external_key_id, suspension.suspended_by, format_timestamp(suspension.suspended_at), why),
      std::string(kms::reason::kSuspended)};
}

Result<void> refuse_if_suspended(store::Transaction& transaction, const Uuid& organization,
                                 std::string_view external_key_id) {
  LATCHKEY_TRY(auto suspension, transaction.find_suspension(organization, external_key_id));
  if (suspension) return suspended_error(*suspension);
  return success();
}

}  // namespace latchkey::admin
