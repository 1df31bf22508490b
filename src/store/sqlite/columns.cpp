#include "store/sqlite/columns.hpp"

#include <boost/json.hpp>

namespace latchkey::store {

namespace {

namespace json = boost::json;

std::map<std::string, std::string> read_tags(Row& row) {
  std::map<std::string, std::string> tags;
  // Texts come back as they were given, whatever bytes they have.
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  boost::system::error_code failed;
  auto value = json::parse(row.text(), failed, {}, options);
  const auto* object = failed ? nullptr : value.if_object();
  if (object == nullptr) {
    row.mark_damaged();
    return tags;
  }
  for (const auto& [key, tag] : *object) {
    if (const auto* text = tag.if_string()) {
      tags.emplace(key, *text);
    } else {
      row.mark_damaged();
    }
  }
  return tags;
}

template <class... Values>
void bind_each(Statement& statement, const Values&... values) {
  (statement.bind(values), ...);
}

}  // namespace

std::string format_tags(const std::map<std::string, std::string>& tags) {
  json::object object;
  for (const auto& [key, tag] : tags) object.emplace(key, tag);
  return json::serialize(object);
}

// The columns are read inside braces, which fix the order of evaluation from left to right.

void Columns<Organization>::bind(Statement& statement, const Organization& row) {
  bind_each(statement, row.id, row.name, row.created_at);
}

Organization Columns<Organization>::read(Row& row) {
  return {.id = row.uuid(), .name = row.text(), .created_at = row.timestamp()};
}

void Columns<ApiKey>::bind(Statement& statement, const ApiKey& row) {
  bind_each(statement, row.id, row.organization, to_text(row.role), row.workspace_id, row.name, row.hash, row.hint,
            row.created_at, row.revoked_at);
}

ApiKey Columns<ApiKey>::read(Row& row) {
  return {.id = row.text(),
          .organization = row.uuid(),
          .role = read_enum<Role>(row),
          .workspace_id = row.optional_text(),
          .name = row.text(),
          .hash = row.bytes(),
          .hint = row.text(),
          .created_at = row.timestamp(),
          .revoked_at = row.optional_timestamp()};
}

void Columns<ExternalKey>::bind(Statement& statement, const ExternalKey& row) {
  bind_each(statement, row.id, row.organization, row.display_name, row.geo, row.provider, row.provider_config,
            row.created_at, row.updated_at, row.revision, std::int64_t{row.suspended});
}

ExternalKey Columns<ExternalKey>::read(Row& row) {
  return {.id = row.text(),
          .organization = row.uuid(),
          .display_name = row.optional_text(),
          .geo = row.text(),
          .provider = row.text(),
          .provider_config = row.text(),
          .created_at = row.timestamp(),
          .updated_at = row.timestamp(),
          .revision = row.integer(),
          .suspended = row.flag()};
}

void Columns<Workspace>::bind(Statement& statement, const Workspace& row) {
  bind_each(statement, row.id, row.organization, row.compartment, row.name, row.display_color,
            std::int64_t{row.is_default}, row.external_key_id, row.workspace_geo, row.allowed_inference_geos,
            row.default_inference_geo, format_tags(row.tags), row.created_at, row.archived_at);
}

Workspace Columns<Workspace>::read(Row& row) {
  return {.id = row.text(),
          .organization = row.uuid(),
          .compartment = row.uuid(),
          .name = row.text(),
          .display_color = row.text(),
          .is_default = row.flag(),
          .external_key_id = row.optional_text(),
          .workspace_geo = row.text(),
          .allowed_inference_geos = row.text(),
          .default_inference_geo = row.text(),
          .tags = read_tags(row),
          .created_at = row.timestamp(),
          .archived_at = row.optional_timestamp()};
}

void Columns<DataKey>::bind(Statement& statement, const DataKey& row) {
  bind_each(statement, row.id, row.organization, row.compartment, row.external_key_id, row.key_version, row.wrapped,
            to_text(row.state), row.created_at, row.key_check, row.retired_at, row.rewrapped_at, row.destroyed_at,
            row.last_used_at, row.records, row.bytes);
}

DataKey Columns<DataKey>::read(Row& row) {
  return {.id = row.raw_id(),
          .organization = row.uuid(),
          .compartment = row.uuid(),
          .external_key_id = row.optional_text(),
          .key_version = row.text(),
          .wrapped = row.bytes(),
          .state = read_enum<DataKeyState>(row),
          .created_at = row.timestamp(),
          .key_check = row.optional_text(),
          .retired_at = row.optional_timestamp(),
          .rewrapped_at = row.optional_timestamp(),
          .destroyed_at = row.optional_timestamp(),
          .last_used_at = row.optional_timestamp(),
          .records = row.integer(),
          .bytes = row.integer()};
}

void Columns<LeasePolicy>::bind(Statement& statement, const LeasePolicy& row) {
  bind_each(statement, row.organization, std::int64_t{row.soft.count()}, std::int64_t{row.hard.count()});
}

LeasePolicy Columns<LeasePolicy>::read(Row& row) {
  return {.organization = row.uuid(),
          .soft = std::chrono::milliseconds(row.integer()),
          .hard = std::chrono::milliseconds(row.integer())};
}

void Columns<Activity>::bind(Statement& statement, const Activity& row) {
  bind_each(statement, row.id, row.type, row.created_at, row.organization, row.actor_id, row.actor, row.details);
}

Activity Columns<Activity>::read(Row& row) {
  return {.id = row.text(),
          .type = row.text(),
          .created_at = row.timestamp(),
          .organization = row.uuid(),
          .actor_id = row.text(),
          .actor = row.text(),
          .details = row.text()};
}

void Columns<Rewrap>::bind(Statement& statement, const Rewrap& row) {
  bind_each(statement, row.external_key_id, row.organization, to_text(row.state), row.target_version, row.started_at,
            row.updated_at, row.error, row.reason);
}

Rewrap Columns<Rewrap>::read(Row& row) {
  return {.external_key_id = row.text(),
          .organization = row.uuid(),
          .state = read_enum<RewrapState>(row),
          .target_version = row.text(),
          .started_at = row.timestamp(),
          .updated_at = row.timestamp(),
          .error = row.optional_text(),
          .reason = row.optional_text()};
}

}  // namespace latchkey::store
