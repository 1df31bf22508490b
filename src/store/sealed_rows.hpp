// Says which rows are sealed, and which of their columns decide something. Together with row_seal.hpp it shows what an
// intruder with write access to the database can still change unnoticed. Columns that are left out decide nothing;
// counters of use, for instance, change with each use. A display name is sealed, because people decide by it.
#pragma once

#include <string>

#include "store/row_seal.hpp"
#include "store/rows.hpp"

namespace latchkey::store {

// The text that a row's seal covers. For a webhook delivery: what is signed and sent, not its progress.
[[nodiscard]] SealText seal_text(const ApiKey& row);
[[nodiscard]] SealText seal_text(const ExternalKey& row);
[[nodiscard]] SealText seal_text(const Workspace& row);
[[nodiscard]] SealText seal_text(const DataKey& row);
[[nodiscard]] SealText seal_text(const LeasePolicy& row);
[[nodiscard]] SealText seal_text(const ExternalKeySuspension& row);
[[nodiscard]] SealText seal_text(const WebhookEndpoint& row);
[[nodiscard]] SealText seal_text(const WebhookDelivery& row);

template <class T>
concept Sealed = requires(const T& row) { seal_text(row); };

// A row that did not verify. An intruder may have written its values: show them to the operator only.
struct IntegrityAlarm {
  std::string table;
  std::string id;
  Uuid organization;  // as the row says
  SealVerdict verdict = SealVerdict::Wrong;
};

// Receives each alarm, on the store's threads, which it must not block.
using AlarmSink = std::function<void(const IntegrityAlarm&)>;

// The row's id as text.
[[nodiscard]] std::string sealed_id(const ApiKey& row);
[[nodiscard]] std::string sealed_id(const ExternalKey& row);
[[nodiscard]] std::string sealed_id(const Workspace& row);
[[nodiscard]] std::string sealed_id(const DataKey& row);
[[nodiscard]] std::string sealed_id(const LeasePolicy& row);
[[nodiscard]] std::string sealed_id(const ExternalKeySuspension& row);
[[nodiscard]] std::string sealed_id(const WebhookEndpoint& row);
[[nodiscard]] std::string sealed_id(const WebhookDelivery& row);

[[nodiscard]] std::string_view describe(SealVerdict verdict);

}  // namespace latchkey::store
