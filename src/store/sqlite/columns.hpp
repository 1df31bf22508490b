// How each row of rows.hpp lies in its table: the one place that names columns in order.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "store/names.hpp"
#include "store/rows.hpp"
#include "store/sqlite/statement.hpp"

namespace latchkey::store {

template <class T>
struct Columns;

template <>
struct Columns<Organization> {
  static constexpr std::string_view kTable = "organizations";
  static constexpr std::string_view kNames = "id, name, created_at";
  static constexpr std::string_view kPlaces = "?, ?, ?";
  static void bind(Statement& statement, const Organization& row);
  static Organization read(Row& row);
};

template <>
struct Columns<ApiKey> {
  static constexpr std::string_view kTable = "api_keys";
  static constexpr std::string_view kNames =
      "id, organization, role, workspace_id, name, hash, hint, created_at, revoked_at";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?, ?, ?";
  static void bind(Statement& statement, const ApiKey& row);
  static ApiKey read(Row& row);
};

template <>
struct Columns<ExternalKey> {
  static constexpr std::string_view kTable = "external_keys";
  static constexpr std::string_view kNames =
      "id, organization, display_name, geo, provider, provider_config, created_at, updated_at, revision, suspended";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
  // The vault and name of the key in one spelling, by which other organisations' use of it is found; NULL where the row
  // has no such thing. The migration that made the column says the same.
  static constexpr std::string_view kDerived = "key_place";
  static constexpr std::string_view kDerivedFrom =
      "CASE WHEN json_valid(provider_config) THEN "
      "rtrim(lower(json_extract(provider_config, '$.vault_uri')), '/') || ' ' || "
      "lower(json_extract(provider_config, '$.key_name')) END";
  static void bind(Statement& statement, const ExternalKey& row);
  static ExternalKey read(Row& row);
};

template <>
struct Columns<Workspace> {
  static constexpr std::string_view kTable = "workspaces";
  static constexpr std::string_view kNames =
      "id, organization, compartment, name, display_color, is_default, external_key_id, workspace_geo, "
      "allowed_inference_geos, default_inference_geo, tags, created_at, archived_at";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
  static void bind(Statement& statement, const Workspace& row);
  static Workspace read(Row& row);
};

template <>
struct Columns<DataKey> {
  static constexpr std::string_view kTable = "data_keys";
  static constexpr std::string_view kNames =
      "id, organization, compartment, external_key_id, key_version, wrapped, state, created_at, key_check, retired_at, "
      "rewrapped_at, destroyed_at, last_used_at, records, bytes";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
  static void bind(Statement& statement, const DataKey& row);
  static DataKey read(Row& row);
};

template <>
struct Columns<LeasePolicy> {
  static constexpr std::string_view kTable = "lease_policies";
  static constexpr std::string_view kNames = "organization, soft_ms, hard_ms";
  static constexpr std::string_view kPlaces = "?, ?, ?";
  static void bind(Statement& statement, const LeasePolicy& row);
  static LeasePolicy read(Row& row);
};

template <>
struct Columns<Activity> {
  static constexpr std::string_view kTable = "activities";
  static constexpr std::string_view kNames = "id, type, created_at, organization, actor_id, actor, details";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?";
  static void bind(Statement& statement, const Activity& row);
  static Activity read(Row& row);
};

template <>
struct Columns<ExternalKeyHealth> {
  static constexpr std::string_view kTable = "external_key_health";
  static constexpr std::string_view kNames =
      "external_key_id, organization, state, since, reason, cause, cure, last_checked_at, last_success_at, alarmed";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
  static void bind(Statement& statement, const ExternalKeyHealth& row);
  static ExternalKeyHealth read(Row& row);
};

template <>
struct Columns<ExternalKeySuspension> {
  static constexpr std::string_view kTable = "external_key_suspensions";
  static constexpr std::string_view kNames = "external_key_id, organization, suspended_at, suspended_by, reason";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?";
  static void bind(Statement& statement, const ExternalKeySuspension& row);
  static ExternalKeySuspension read(Row& row);
};

template <>
struct Columns<Rewrap> {
  static constexpr std::string_view kTable = "rewraps";
  static constexpr std::string_view kNames =
      "external_key_id, organization, state, target_version, started_at, updated_at, error, reason";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?, ?";
  static void bind(Statement& statement, const Rewrap& row);
  static Rewrap read(Row& row);
};

template <>
struct Columns<Notice> {
  static constexpr std::string_view kTable = "notices";
  static constexpr std::string_view kNames = "kind, external_key_id, compartment, created_at, sequence";
  static Notice read(Row& row);
};

template <>
struct Columns<WebhookEndpoint> {
  static constexpr std::string_view kTable = "webhook_endpoints";
  static constexpr std::string_view kNames =
      "id, organization, url, description, events, enabled, disabled_reason, secret_key_version, secret, "
      "previous_secret_key_version, previous_secret, previous_secret_expires_at, created_at, updated_at";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
  static void bind(Statement& statement, const WebhookEndpoint& row);
  static WebhookEndpoint read(Row& row);
};

template <>
struct Columns<WebhookDelivery> {
  static constexpr std::string_view kTable = "webhook_deliveries";
  static constexpr std::string_view kNames =
      "id, organization, endpoint_id, event_id, event_type, body, state, attempts, created_at, next_attempt_at, "
      "last_attempt_at, last_status, last_error";
  static constexpr std::string_view kPlaces = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
  static void bind(Statement& statement, const WebhookDelivery& row);
  static WebhookDelivery read(Row& row);
};

// Whether a row is whole, as SQL. A column that is made of others is not sealed: a row in which it is anything else is
// not believed, as if its seal were wrong.
template <class T>
[[nodiscard]] std::string is_whole() {
  if constexpr (requires { Columns<T>::kDerived; }) {
    return fmt::format("{} IS ({})", Columns<T>::kDerived, Columns<T>::kDerivedFrom);
  } else {
    return "TRUE";
  }
}

// A text that no value has is damage, and nobody is given a damaged row: what stands in it is the value that may least.
template <class Enum>
[[nodiscard]] Enum read_enum(Row& row) {
  auto value = from_text<Enum>(row.text());
  if (!value) row.mark_damaged();
  return value.value_or(kValues<Enum>.back());
}

// The tags as the table keeps them: a JSON object of strings.
[[nodiscard]] std::string format_tags(const std::map<std::string, std::string>& tags);

}  // namespace latchkey::store
