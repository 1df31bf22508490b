#include "audit/activity_type.hpp"

#include <array>
#include <cstddef>

namespace latchkey::audit {

namespace {

using Type = ActivityType;

constexpr std::string_view kRewrapFields = "`external_key_id`, `target_version`, `data_keys`, `remaining`, `reason`";
constexpr std::string_view kEndpointFields = "`webhook_endpoint_id`, `events`, `status`";

constexpr std::array kTypes{
    ActivityTypeEntry{Type::ExternalKeyCreated, "org_external_key_created", "`external_key_id`, `provider`",
                      "an external key was registered"},
    ActivityTypeEntry{Type::ExternalKeyUpdated, "org_external_key_updated",
                      "`external_key_id`, `updates[]` of `{type, previous_value, current_value}`",
                      "an external key's name, geo or configuration was changed"},
    ActivityTypeEntry{Type::ExternalKeyDeleted, "org_external_key_deleted", "`external_key_id`",
                      "an external key was deleted"},
    ActivityTypeEntry{Type::ExternalKeyValidated, "org_external_key_validated",
                      "`external_key_id`, `validation_result`",
                      "an external key was validated; attaching a key validates it, too"},
    ActivityTypeEntry{Type::ExternalKeySuspended, "org_external_key_suspended", "`external_key_id`, `reason`",
                      "access under an external key was suspended"},
    ActivityTypeEntry{Type::ExternalKeyResumed, "org_external_key_resumed", "`external_key_id`", "a suspension ended"},
    ActivityTypeEntry{Type::ExternalKeyHealthChanged, "org_external_key_health_changed",
                      "`external_key_id`, `previous_state`, `current_state`, `reason`",
                      "the [health](key-health.md) of an external key changed; its actor is `{\"type\": "
                      "\"system_actor\"}`"},
    ActivityTypeEntry{Type::ExternalKeyRewrapStarted, "org_external_key_rewrap_started", kRewrapFields,
                      "the data keys under an external key are being rewrapped to its newest version"},
    ActivityTypeEntry{Type::ExternalKeyRewrapPaused, "org_external_key_rewrap_paused", kRewrapFields,
                      "an admin paused a rewrap"},
    ActivityTypeEntry{Type::ExternalKeyRewrapResumed, "org_external_key_rewrap_resumed", kRewrapFields,
                      "an admin resumed a rewrap that was paused or had stopped"},
    ActivityTypeEntry{Type::ExternalKeyRewrapCompleted, "org_external_key_rewrap_completed", kRewrapFields,
                      "a rewrap reached the last data key; by the `system_actor`"},
    ActivityTypeEntry{Type::ExternalKeyRewrapStopped, "org_external_key_rewrap_stopped", kRewrapFields,
                      "a rewrap stopped before its end, for the `reason` given; by the `system_actor`"},
    ActivityTypeEntry{Type::LeasePolicyUpdated, "org_lease_policy_updated", "`soft_ms`, `hard_ms`, `inherited`",
                      "the organization's [lease policy](leases.md) was set or reset"},
    ActivityTypeEntry{
        Type::DataKeysUseBegan, "data_keys_use_began",
        "`workspace_id`, `data_key_id`, `external_key_id`, `from`, `kms_request_ids`",
        "a data key that was not used in the minute before is about to be; once for each stretch of use, not each "
        "minute. On disk before the first response that it is used for, unless the database cannot be written in time "
        "(full, or busy): then the response goes out without it, the log says so, and the next use tries again"},
    ActivityTypeEntry{
        Type::DataKeysUsed, "data_keys_used",
        "`workspace_id`, `data_key_id`, `external_key_id`, `encrypts`, `decrypts`, `leases`, `from`, `until`, "
        "`kms_request_ids` (the unwraps that these uses rode on, as the customer's own log has them: Azure's "
        "`correlationId`)",
        "what was read and written under leases, each minute and data key, by the `system_actor`. A crash loses a "
        "minute of these at most, longer where the database could not be written; a `data_keys_use_began` that is on "
        "disk stays"},
    ActivityTypeEntry{Type::WorkspaceCreated, "platform_workspace_created", "`workspace_id`",
                      "a workspace was created"},
    ActivityTypeEntry{Type::WorkspaceUpdated, "platform_workspace_updated", "`workspace_id`, `updates[]`",
                      "a workspace was changed; an attachment is the update `external_key_config_id`"},
    ActivityTypeEntry{Type::WorkspaceArchived, "platform_workspace_archived", "`workspace_id`",
                      "a workspace was archived, and its API keys were revoked"},
    ActivityTypeEntry{Type::WorkspaceDataKeyRotated, "platform_workspace_data_key_rotated",
                      "`workspace_id`, `data_key_id`, `previous_data_key_id`, `cause` (`age`, `records`, `bytes`), "
                      "`external_key_id`",
                      "a new data key replaced the one that encrypted until then; by the `system_actor`"},
    ActivityTypeEntry{Type::WorkspaceShredded, "platform_workspace_shredded",
                      "`workspace_id`, `data_keys`, `records`, `bytes`",
                      "a workspace's data keys were [destroyed](data-keys.md)"},
    ActivityTypeEntry{Type::WebhookEndpointCreated, "org_webhook_endpoint_created", kEndpointFields,
                      "a [webhook](webhooks.md) endpoint was created"},
    ActivityTypeEntry{Type::WebhookEndpointUpdated, "org_webhook_endpoint_updated", kEndpointFields,
                      "a webhook endpoint was changed, enabled or disabled by an admin"},
    ActivityTypeEntry{Type::WebhookEndpointDeleted, "org_webhook_endpoint_deleted", "`webhook_endpoint_id`",
                      "a webhook endpoint was deleted"},
    ActivityTypeEntry{Type::WebhookEndpointSecretRotated, "org_webhook_endpoint_secret_rotated",
                      "`webhook_endpoint_id`", "a webhook endpoint was given a new signing secret"},
    ActivityTypeEntry{Type::WebhookEndpointDisabled, "org_webhook_endpoint_disabled", "`webhook_endpoint_id`, `reason`",
                      "the server disabled a webhook endpoint that said it is gone; by the `system_actor`"},
    ActivityTypeEntry{Type::WebhookDeliveryFailed, "org_webhook_delivery_failed",
                      "`webhook_endpoint_id`, `event_id`, `event_type`, `error`",
                      "the server gave up an event after a day; by the `system_actor`"},
    ActivityTypeEntry{Type::WebhookBacklogFull, "org_webhook_backlog_full", "`webhook_endpoint_id`, `most`",
                      "more events waited for the endpoint, and the oldest are given up; once an hour at most "
                      "([webhooks.md](webhooks.md#how-many-are-kept))"},
    ActivityTypeEntry{Type::StoredRowRefused, "org_stored_row_refused", "`table`, `row_id`, `reason`, `noticed_at`",
                      "a row of the database [was not written by Latchkey](operate.md#when-a-row-does-not-verify), and "
                      "is not used; by the `system_actor`"},
};

constexpr std::size_t index_of(ActivityType type) {
  return static_cast<std::size_t>(type);
}

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (index_of(kTypes[i].type) != i) return false;
  }
  return kTypes.size() == index_of(ActivityType::StoredRowRefused) + 1;
}
static_assert(is_in_order(), "the table has one row for each type, in the order of the enumeration");

}  // namespace

std::span<const ActivityTypeEntry> activity_types() {
  return kTypes;
}

std::string_view to_string(ActivityType type) {
  return kTypes.at(index_of(type)).text;
}

}  // namespace latchkey::audit
