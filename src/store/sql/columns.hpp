// The columns of each table, each declared once beside the row's member that it stores. Statements take everything
// about columns from here: the names they read, the "?, ?" of an insert, what they bind and what an update sets
// (sql/column_lists.hpp).
//
// Only the text that a row's seal covers is not made from these lists (sealed_rows.cpp): its order outlives releases.
#pragma once

#include <array>
#include <string_view>
#include <tuple>

#include "store/rows.hpp"

namespace latchkey::store {

// What an update of a whole row does to a column.
enum class OnUpdate {
  Written,
  Kept,  // keeps the inserted value, or has an operation of its own
};
inline constexpr auto kKept = OnUpdate::Kept;

// A member, and the column that stores it; several columns for a member made of several values.
template <class Row, class Value, std::size_t kCount>
struct Column {
  std::array<std::string_view, kCount> names;
  Value Row::*member;
  OnUpdate on_update;
};

template <class Row, class Value>
constexpr Column<Row, Value, 1> column(std::string_view name, Value Row::*member,
                                       OnUpdate on_update = OnUpdate::Written) {
  return {{name}, member, on_update};
}

template <class Row, class Value, std::size_t kCount>
constexpr Column<Row, Value, kCount> columns(const std::string_view (&names)[kCount], Value Row::*member) {
  return {std::to_array(names), member, OnUpdate::Written};
}

template <class Row>
struct Table;

template <>
struct Table<Organization> {
  static constexpr std::string_view kName = "organizations";
  static constexpr std::tuple kColumns{
      column("id", &Organization::id),
      column("name", &Organization::name),
      column("created_at", &Organization::created_at),
  };
};

template <>
struct Table<ApiKey> {
  static constexpr std::string_view kName = "api_keys";
  static constexpr std::tuple kColumns{
      column("id", &ApiKey::id),
      column("organization", &ApiKey::organization),
      column("role", &ApiKey::role),
      column("workspace_id", &ApiKey::workspace_id),
      column("name", &ApiKey::name),
      column("hash", &ApiKey::hash),
      column("hint", &ApiKey::hint),
      column("created_at", &ApiKey::created_at),
      column("revoked_at", &ApiKey::revoked_at),
  };
};

template <>
struct Table<ExternalKey> {
  static constexpr std::string_view kName = "external_keys";
  static constexpr std::tuple kColumns{
      column("id", &ExternalKey::id, kKept),
      column("organization", &ExternalKey::organization, kKept),
      column("display_name", &ExternalKey::display_name),
      column("geo", &ExternalKey::geo),
      column("provider", &ExternalKey::provider),
      column("provider_config", &ExternalKey::provider_config),
      column("created_at", &ExternalKey::created_at, kKept),
      column("updated_at", &ExternalKey::updated_at),
      column("revision", &ExternalKey::revision),
      column("suspended", &ExternalKey::suspended, kKept),
  };
  // Keeps what KeyPlaceOf says of the row (key_place.hpp), NULL where it says nothing. It is made of other columns, and
  // not sealed: whoever reads the row compares.
  static constexpr std::string_view kPlace = "key_place";
};

template <>
struct Table<Workspace> {
  static constexpr std::string_view kName = "workspaces";
  static constexpr std::tuple kColumns{
      column("id", &Workspace::id, kKept),
      column("organization", &Workspace::organization, kKept),
      column("compartment", &Workspace::compartment, kKept),
      column("name", &Workspace::name),
      column("display_color", &Workspace::display_color),
      column("is_default", &Workspace::is_default, kKept),
      column("external_key_id", &Workspace::external_key_id),
      column("workspace_geo", &Workspace::workspace_geo),
      column("allowed_inference_geos", &Workspace::allowed_inference_geos),
      column("default_inference_geo", &Workspace::default_inference_geo),
      column("tags", &Workspace::tags),
      column("created_at", &Workspace::created_at, kKept),
      column("archived_at", &Workspace::archived_at),
  };
};

template <>
struct Table<DataKey> {
  static constexpr std::string_view kName = "data_keys";
  static constexpr std::tuple kColumns{
      column("id", &DataKey::id),
      column("organization", &DataKey::organization),
      column("compartment", &DataKey::compartment),
      column("external_key_id", &DataKey::external_key_id),
      column("key_version", &DataKey::key_version),
      column("wrapped", &DataKey::wrapped),
      column("state", &DataKey::state),
      column("created_at", &DataKey::created_at),
      column("key_check", &DataKey::key_check),
      column("retired_at", &DataKey::retired_at),
      column("rewrapped_at", &DataKey::rewrapped_at),
      column("destroyed_at", &DataKey::destroyed_at),
      column("last_used_at", &DataKey::last_used_at),
      column("records", &DataKey::records),
      column("bytes", &DataKey::bytes),
  };
};

template <>
struct Table<LeasePolicy> {
  static constexpr std::string_view kName = "lease_policies";
  static constexpr std::tuple kColumns{
      column("organization", &LeasePolicy::organization),
      column("soft_ms", &LeasePolicy::soft),
      column("hard_ms", &LeasePolicy::hard),
  };
};

template <>
struct Table<Activity> {
  static constexpr std::string_view kName = "activities";
  static constexpr std::tuple kColumns{
      column("id", &Activity::id),
      column("type", &Activity::type),
      column("created_at", &Activity::created_at),
      column("organization", &Activity::organization),
      column("actor_id", &Activity::actor_id),
      column("actor", &Activity::actor),
      column("details", &Activity::details),
  };
};

template <>
struct Table<ExternalKeyHealth> {
  static constexpr std::string_view kName = "external_key_health";
  static constexpr std::tuple kColumns{
      column("external_key_id", &ExternalKeyHealth::external_key_id, kKept),
      column("organization", &ExternalKeyHealth::organization, kKept),
      column("state", &ExternalKeyHealth::state),
      column("since", &ExternalKeyHealth::since),
      column("reason", &ExternalKeyHealth::reason),
      column("cause", &ExternalKeyHealth::cause),
      column("cure", &ExternalKeyHealth::cure),
      column("last_checked_at", &ExternalKeyHealth::last_checked_at),
      column("last_success_at", &ExternalKeyHealth::last_success_at),
      column("alarmed", &ExternalKeyHealth::alarmed),
  };
};

template <>
struct Table<ExternalKeySuspension> {
  static constexpr std::string_view kName = "external_key_suspensions";
  static constexpr std::tuple kColumns{
      column("external_key_id", &ExternalKeySuspension::external_key_id),
      column("organization", &ExternalKeySuspension::organization),
      column("suspended_at", &ExternalKeySuspension::suspended_at),
      column("suspended_by", &ExternalKeySuspension::suspended_by),
      column("reason", &ExternalKeySuspension::reason),
  };
};

template <>
struct Table<Rewrap> {
  static constexpr std::string_view kName = "rewraps";
  static constexpr std::tuple kColumns{
      column("external_key_id", &Rewrap::external_key_id, kKept),
      column("organization", &Rewrap::organization, kKept),
      column("state", &Rewrap::state),
      column("target_version", &Rewrap::target_version),
      column("started_at", &Rewrap::started_at),
      column("updated_at", &Rewrap::updated_at),
      column("error", &Rewrap::error),
      column("reason", &Rewrap::reason),
  };
};

template <>
struct Table<Notice> {
  static constexpr std::string_view kName = "notices";
  static constexpr std::tuple kColumns{
      column("kind", &Notice::kind),
      column("external_key_id", &Notice::external_key_id),
      column("compartment", &Notice::compartment),
      column("organization", &Notice::organization),
      column("created_at", &Notice::created_at),
      column("sequence", &Notice::sequence),
  };
};

template <>
struct Table<WebhookEndpoint> {
  static constexpr std::string_view kName = "webhook_endpoints";
  static constexpr std::tuple kColumns{
      column("id", &WebhookEndpoint::id, kKept),
      column("organization", &WebhookEndpoint::organization, kKept),
      column("url", &WebhookEndpoint::url),
      column("description", &WebhookEndpoint::description),
      column("events", &WebhookEndpoint::events),
      column("enabled", &WebhookEndpoint::enabled),
      column("disabled_reason", &WebhookEndpoint::disabled_reason),
      columns({"secret_key_version", "secret"}, &WebhookEndpoint::secret),
      columns({"previous_secret_key_version", "previous_secret", "previous_secret_expires_at"},
              &WebhookEndpoint::previous_secret),
      column("created_at", &WebhookEndpoint::created_at, kKept),
      column("updated_at", &WebhookEndpoint::updated_at),
  };
};

template <>
struct Table<WebhookDelivery> {
  static constexpr std::string_view kName = "webhook_deliveries";
  static constexpr std::tuple kColumns{
      column("id", &WebhookDelivery::id, kKept),
      column("organization", &WebhookDelivery::organization, kKept),
      column("endpoint_id", &WebhookDelivery::endpoint_id, kKept),
      column("event_id", &WebhookDelivery::event_id, kKept),
      column("event_type", &WebhookDelivery::event_type, kKept),
      column("body", &WebhookDelivery::body, kKept),
      column("state", &WebhookDelivery::state),
      column("attempts", &WebhookDelivery::attempts),
      column("created_at", &WebhookDelivery::created_at, kKept),
      column("next_attempt_at", &WebhookDelivery::next_attempt_at),
      column("last_attempt_at", &WebhookDelivery::last_attempt_at),
      column("last_status", &WebhookDelivery::last_status),
      column("last_error", &WebhookDelivery::last_error),
  };
};

}  // namespace latchkey::store
