#include "store/sealed_rows.hpp"

#include <boost/uuid/uuid_io.hpp>

namespace latchkey::store {

namespace {

// The number of an enumeration's value. It never changes, because seals outlive releases.
std::int64_t number(Role role) {
  switch (role) {
    case Role::Admin:
      return 1;
    case Role::Service:
      return 2;
    case Role::Compliance:
      return 3;
    case Role::Workspace:
      return 4;
  }
  return 0;
}

std::int64_t number(DataKeyState state) {
  switch (state) {
    case DataKeyState::Active:
      return 1;
    case DataKeyState::Retired:
      return 2;
    case DataKeyState::Destroyed:
      return 3;
  }
  return 0;
}

std::int64_t number(bool flag) {
  return flag ? 1 : 0;
}

template <class... Values>
SealText text_of(std::string_view table, const Values&... values) {
  SealText text(table);
  text.add_each(values...);
  return text;
}

}  // namespace

SealText seal_text(const ApiKey& row) {
  return text_of("api_keys", row.id, row.organization, number(row.role), row.workspace_id, row.name, row.hash, row.hint,
                 row.created_at, row.revoked_at);
}

SealText seal_text(const ExternalKey& row) {
  return text_of("external_keys", row.id, row.organization, row.display_name, row.geo, row.provider,
                 row.provider_config, row.created_at, row.updated_at, row.revision, number(row.suspended));
}

SealText seal_text(const Workspace& row) {
  auto text =
      text_of("workspaces", row.id, row.organization, row.compartment, row.name, row.display_color,
              number(row.is_default), row.external_key_id, row.workspace_geo, row.allowed_inference_geos,
              row.default_inference_geo, row.created_at, row.archived_at, static_cast<std::int64_t>(row.tags.size()));
  for (const auto& [name, value] : row.tags) text.add_each(name, value);
  return text;
}

SealText seal_text(const DataKey& row) {
  return text_of("data_keys", row.id, row.organization, row.compartment, row.external_key_id, row.key_version,
                 row.wrapped, number(row.state), row.created_at, row.key_check, row.retired_at, row.rewrapped_at,
                 row.destroyed_at);
}

SealText seal_text(const LeasePolicy& row) {
  return text_of("lease_policies", row.organization, std::int64_t{row.soft.count()}, std::int64_t{row.hard.count()});
}

SealText seal_text(const ExternalKeySuspension& row) {
  return text_of("external_key_suspensions", row.external_key_id, row.organization, row.suspended_at, row.suspended_by,
                 row.reason);
}

SealText seal_text(const WebhookEndpoint& row) {
  std::optional<std::string> previous_version;
  std::optional<Bytes> previous_wrapped;
  std::optional<Timestamp> previous_expires_at;
  if (row.previous_secret) {
    previous_version = row.previous_secret->secret.key_version;
    previous_wrapped = row.previous_secret->secret.wrapped;
    previous_expires_at = row.previous_secret->expires_at;
  }
  auto text =
      text_of("webhook_endpoints", row.id, row.organization, row.url, row.description, number(row.enabled),
              row.disabled_reason, row.secret.key_version, row.secret.wrapped, previous_version, previous_wrapped,
              previous_expires_at, row.created_at, row.updated_at, static_cast<std::int64_t>(row.events.size()));
  for (const auto& event : row.events) text.add(event);
  return text;
}

SealText seal_text(const WebhookDelivery& row) {
  return text_of("webhook_deliveries", row.id, row.organization, row.endpoint_id, row.event_id, row.event_type,
                 row.body, row.created_at);
}

std::string sealed_id(const ApiKey& row) {
  return row.id;
}
std::string sealed_id(const ExternalKey& row) {
  return row.id;
}
std::string sealed_id(const Workspace& row) {
  return row.id;
}
std::string sealed_id(const DataKey& row) {
  return format_id(id_prefix::kDataKey, row.id);
}
std::string sealed_id(const LeasePolicy& row) {
  return boost::uuids::to_string(row.organization);
}
std::string sealed_id(const ExternalKeySuspension& row) {
  return row.external_key_id;
}
std::string sealed_id(const WebhookEndpoint& row) {
  return row.id;
}
std::string sealed_id(const WebhookDelivery& row) {
  return row.id;
}

std::string_view describe(SealVerdict verdict) {
  switch (verdict) {
    case SealVerdict::Good:
      return "its seal is right";
    case SealVerdict::Missing:
      return "it has no seal";
    case SealVerdict::UnknownKey:
      return "it was sealed under a root key that is not in the root key file";
    case SealVerdict::Wrong:
      return "its seal is not that of its values";
    case SealVerdict::NotAsked:
      return "it was found where the query asked for another row: an index of the database does not match its table";
    case SealVerdict::Gone:
      return "it is missing, though another row says that it exists";
  }
  return "";
}

}  // namespace latchkey::store
