// Which rows are sealed, and which of their columns decide: read this beside row_seal.hpp to know what whoever writes
// the database can still change unseen. Columns that are left out only tell something (a display name is sealed as
// well, for people decide by it; counters of use are not, for they change with each use).
#pragma once

#include <string>

#include "store/row_seal.hpp"
#include "store/rows.hpp"

namespace latchkey::store {

// The text that is sealed of a row. Of a webhook delivery: what is signed and sent, not how far it got.
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

// A row that did not verify. Its values are whoever wrote it's: for the eyes of the operator.
struct IntegrityAlarm {
  std::string table;
  std::string id;
  Uuid organization;  // as the row says
  SealVerdict verdict = SealVerdict::Wrong;
};

// Hears of each; on the store's threads, which it may not hold up.
using AlarmSink = std::function<void(const IntegrityAlarm&)>;

// The row's name for people and programs.
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
