// Every type of activity that the feed can hold. The API shows a type as its text, and docs/api.md lists the types with
// their fields and meanings; both come from the one table in activity_type.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace latchkey::audit {

// A new type is a line here and a row of the table; neither compiles without the other.
enum class ActivityType : std::uint8_t {
  ExternalKeyCreated,
  ExternalKeyUpdated,
  ExternalKeyDeleted,
  ExternalKeyValidated,
  ExternalKeySuspended,
  ExternalKeyResumed,
  ExternalKeyHealthChanged,
  ExternalKeyRewrapStarted,
  ExternalKeyRewrapPaused,
  ExternalKeyRewrapResumed,
  ExternalKeyRewrapCompleted,
  ExternalKeyRewrapStopped,
  LeasePolicyUpdated,
  DataKeysUseBegan,
  DataKeysUsed,
  WorkspaceCreated,
  WorkspaceUpdated,
  WorkspaceArchived,
  WorkspaceDataKeyRotated,
  WorkspaceShredded,
  WebhookEndpointCreated,
  WebhookEndpointUpdated,
  WebhookEndpointDeleted,
  WebhookEndpointSecretRotated,
  WebhookEndpointDisabled,
  WebhookDeliveryFailed,
  WebhookBacklogFull,
  StoredRowRefused,  // the last one: the table counts up to it
};

struct ActivityTypeEntry {
  ActivityType type;
  std::string_view text;     // "org_external_key_created"
  std::string_view fields;   // those that the type adds to an activity, as docs/api.md shows them
  std::string_view meaning;  // a sentence in Markdown
};

// In the order of the enumeration.
[[nodiscard]] std::span<const ActivityTypeEntry> activity_types();
[[nodiscard]] std::string_view to_string(ActivityType type);

}  // namespace latchkey::audit
