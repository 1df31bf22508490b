// The first step of the schema (schema.hpp), and the rules for all steps.
#pragma once

#include <string_view>

namespace latchkey::store {

// Times are microseconds since 1970, UUIDs and raw ids are blobs of 16 bytes, ids with a prefix are text. Foreign keys
// include the organisation, so that no row can refer to another organisation's. The schema repeats the rules of admin
// and keyring where it can express them: a bug above must not lose data.
inline constexpr std::string_view kFirstSchema = R"sql(
CREATE TABLE organizations (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE external_keys (
  id TEXT NOT NULL PRIMARY KEY,
  organization BLOB NOT NULL REFERENCES organizations (id),
  display_name TEXT,
  geo TEXT NOT NULL,
  provider TEXT NOT NULL,
  provider_config TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  UNIQUE (organization, id)
) STRICT;
CREATE INDEX external_keys_by_time ON external_keys (organization, created_at, id);

CREATE TABLE workspaces (
  id TEXT NOT NULL PRIMARY KEY,
  organization BLOB NOT NULL REFERENCES organizations (id),
  compartment BLOB NOT NULL UNIQUE CHECK (length(compartment) = 16),
  name TEXT NOT NULL,
  display_color TEXT NOT NULL,
  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
  external_key_id TEXT,
  workspace_geo TEXT NOT NULL,
  allowed_inference_geos TEXT NOT NULL,
  default_inference_geo TEXT NOT NULL,
  tags TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  archived_at INTEGER,
  UNIQUE (organization, id),
  UNIQUE (organization, compartment),
  FOREIGN KEY (organization, external_key_id) REFERENCES external_keys (organization, id)
) STRICT;
CREATE INDEX workspaces_by_time ON workspaces (organization, created_at, id);
CREATE INDEX workspaces_by_external_key ON workspaces (organization, external_key_id, created_at, id);
CREATE UNIQUE INDEX workspaces_one_default ON workspaces (organization) WHERE is_default = 1;
CREATE TRIGGER workspaces_external_key_is_write_once BEFORE UPDATE OF external_key_id ON workspaces
WHEN OLD.external_key_id IS NOT NULL AND NEW.external_key_id IS NOT OLD.external_key_id
BEGIN
  SELECT RAISE (ABORT, 'the external key of a workspace is write-once');
END;
CREATE TRIGGER workspaces_compartment_is_fixed BEFORE UPDATE OF compartment, organization ON workspaces
WHEN NEW.compartment IS NOT OLD.compartment OR NEW.organization IS NOT OLD.organization
BEGIN
  SELECT RAISE (ABORT, 'the compartment and organization of a workspace are fixed');
END;

CREATE TABLE api_keys (
  id TEXT NOT NULL PRIMARY KEY,
  organization BLOB NOT NULL REFERENCES organizations (id),
  role TEXT NOT NULL CHECK (role IN ('admin', 'service', 'compliance', 'workspace')),
  workspace_id TEXT,
  name TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  hint TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER,
  CHECK ((role = 'workspace') = (workspace_id IS NOT NULL)),
  FOREIGN KEY (organization, workspace_id) REFERENCES workspaces (organization, id)
) STRICT;
CREATE INDEX api_keys_by_time ON api_keys (organization, created_at, id);
CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id) WHERE workspace_id IS NOT NULL;

CREATE TABLE data_keys (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  organization BLOB NOT NULL REFERENCES organizations (id),
  compartment BLOB NOT NULL,
  external_key_id TEXT,
  key_version TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'retired')),
  created_at INTEGER NOT NULL,
  FOREIGN KEY (organization, compartment) REFERENCES workspaces (organization, compartment),
  FOREIGN KEY (organization, external_key_id) REFERENCES external_keys (organization, id)
) STRICT;
CREATE UNIQUE INDEX data_keys_one_active ON data_keys (compartment, coalesce(external_key_id, ''))
WHERE state = 'active';
CREATE INDEX data_keys_by_compartment ON data_keys (organization, compartment);
CREATE INDEX data_keys_by_external_key ON data_keys (organization, external_key_id);

CREATE TABLE activities (
  id TEXT NOT NULL PRIMARY KEY,
  type TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  organization BLOB NOT NULL REFERENCES organizations (id),
  actor_id TEXT NOT NULL,
  actor TEXT NOT NULL,
  details TEXT NOT NULL
) STRICT;
CREATE INDEX activities_by_time ON activities (organization, created_at, id);
CREATE TRIGGER activities_are_not_changed BEFORE UPDATE ON activities
BEGIN
  SELECT RAISE (ABORT, 'activities are append-only');
END;
CREATE TRIGGER activities_are_not_deleted BEFORE DELETE ON activities
BEGIN
  SELECT RAISE (ABORT, 'activities are append-only');
END;
)sql";

}  // namespace latchkey::store
