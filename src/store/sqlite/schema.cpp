#include "store/sqlite/schema.hpp"

#include <array>

#include "store/sqlite/first_schema.hpp"

namespace latchkey::store {

namespace {

constexpr std::string_view kLeasePolicySchema = R"sql(
CREATE TABLE lease_policies (
  organization BLOB NOT NULL PRIMARY KEY REFERENCES organizations (id),
  soft_ms INTEGER NOT NULL CHECK (soft_ms > 0),
  hard_ms INTEGER NOT NULL CHECK (hard_ms >= soft_ms)
) STRICT;
)sql";

constexpr std::string_view kDataKeyCheckSchema = R"sql(
ALTER TABLE data_keys ADD COLUMN key_check TEXT;
)sql";

// A key's health is erased with the key.
constexpr std::string_view kHealthSchema = R"sql(
CREATE TABLE external_key_health (
  external_key_id TEXT NOT NULL PRIMARY KEY,
  organization BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('unknown', 'healthy', 'degraded', 'refused', 'unreachable', 'suspended')),
  since INTEGER NOT NULL,
  reason TEXT NOT NULL,
  cause TEXT NOT NULL,
  cure TEXT NOT NULL,
  last_checked_at INTEGER,
  last_success_at INTEGER,
  alarmed INTEGER NOT NULL CHECK (alarmed IN (0, 1)),
  FOREIGN KEY (organization, external_key_id) REFERENCES external_keys (organization, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX external_key_health_by_organization ON external_key_health (organization, external_key_id);

CREATE TABLE external_key_suspensions (
  external_key_id TEXT NOT NULL PRIMARY KEY,
  organization BLOB NOT NULL,
  suspended_at INTEGER NOT NULL,
  suspended_by TEXT NOT NULL,
  reason TEXT,
  FOREIGN KEY (organization, external_key_id) REFERENCES external_keys (organization, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX external_key_suspensions_by_organization ON external_key_suspensions (organization, external_key_id);
)sql";

// SQLite cannot widen a CHECK, so this makes the table anew; secure_delete wipes the old one.
constexpr std::string_view kDataKeyLifeSchema = R"sql(
CREATE TABLE data_keys_with_life (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  organization BLOB NOT NULL REFERENCES organizations (id),
  compartment BLOB NOT NULL,
  external_key_id TEXT,
  key_version TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'retired', 'destroyed')),
  created_at INTEGER NOT NULL,
  key_check TEXT,
  retired_at INTEGER,
  rewrapped_at INTEGER,
  destroyed_at INTEGER,
  last_used_at INTEGER,
  records INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  CHECK ((state = 'destroyed') = (destroyed_at IS NOT NULL)),
  CHECK (state <> 'destroyed' OR length(wrapped) = 0),
  FOREIGN KEY (organization, compartment) REFERENCES workspaces (organization, compartment),
  FOREIGN KEY (organization, external_key_id) REFERENCES external_keys (organization, id)
) STRICT;
INSERT INTO data_keys_with_life (id, organization, compartment, external_key_id, key_version, wrapped, state, created_at,
  key_check)
SELECT id, organization, compartment, external_key_id, key_version, wrapped, state, created_at, key_check FROM data_keys;
DROP TABLE data_keys;
ALTER TABLE data_keys_with_life RENAME TO data_keys;
CREATE UNIQUE INDEX data_keys_one_active ON data_keys (compartment, coalesce(external_key_id, ''))
WHERE state = 'active';
CREATE INDEX data_keys_by_compartment ON data_keys (compartment, created_at, id);
CREATE INDEX data_keys_by_external_key ON data_keys (external_key_id, id);
CREATE TRIGGER data_keys_stay_destroyed BEFORE UPDATE ON data_keys
WHEN OLD.state = 'destroyed'
BEGIN
  SELECT RAISE (ABORT, 'a destroyed data key is not changed');
END;
CREATE TRIGGER data_keys_stay_in_their_place BEFORE UPDATE OF id, organization, compartment, external_key_id ON data_keys
BEGIN
  SELECT RAISE (ABORT, 'the place of a data key is fixed');
END;
CREATE TRIGGER data_keys_are_not_deleted BEFORE DELETE ON data_keys
BEGIN
  SELECT RAISE (ABORT, 'data keys are destroyed, not deleted');
END;

CREATE TABLE rewraps (
  external_key_id TEXT NOT NULL PRIMARY KEY,
  organization BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'completed')),
  target_version TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  error TEXT,
  reason TEXT,
  FOREIGN KEY (organization, external_key_id) REFERENCES external_keys (organization, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX rewraps_running ON rewraps (started_at) WHERE state = 'running';
)sql";

constexpr std::string_view kNoticeSchema = R"sql(
CREATE TABLE notices (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  node BLOB NOT NULL CHECK (length(node) = 16),
  kind TEXT NOT NULL CHECK (kind IN ('forget_key', 'forget_data_keys')),
  external_key_id TEXT NOT NULL,
  compartment BLOB NOT NULL CHECK (length(compartment) = 16),
  created_at INTEGER NOT NULL
) STRICT;
)sql";

// No index or message has an endpoint's url: it may hold a secret.
constexpr std::string_view kWebhookSchema = R"sql(
CREATE TABLE webhook_endpoints (
  id TEXT NOT NULL PRIMARY KEY,
  organization BLOB NOT NULL REFERENCES organizations (id),
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  events TEXT NOT NULL,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  disabled_reason TEXT NOT NULL,
  secret_key_version TEXT NOT NULL,
  secret BLOB NOT NULL,
  previous_secret_key_version TEXT,
  previous_secret BLOB,
  previous_secret_expires_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (organization, id),
  CHECK ((previous_secret IS NULL) = (previous_secret_key_version IS NULL)),
  CHECK ((previous_secret IS NULL) = (previous_secret_expires_at IS NULL))
) STRICT;
CREATE INDEX webhook_endpoints_by_time ON webhook_endpoints (organization, created_at, id);

CREATE TABLE webhook_deliveries (
  id TEXT NOT NULL PRIMARY KEY,
  organization BLOB NOT NULL,
  endpoint_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  next_attempt_at INTEGER,
  last_attempt_at INTEGER,
  last_status INTEGER,
  last_error TEXT,
  CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
  FOREIGN KEY (organization, endpoint_id) REFERENCES webhook_endpoints (organization, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (organization, endpoint_id, created_at, id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at) WHERE state <> 'pending';
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
)sql";

// The seals (row_seal.hpp), and the mark of the root key that they are made under (sealing.hpp).
constexpr std::string_view kSealSchema = R"sql(
ALTER TABLE api_keys ADD COLUMN seal BLOB;
ALTER TABLE external_keys ADD COLUMN seal BLOB;
ALTER TABLE workspaces ADD COLUMN seal BLOB;
ALTER TABLE data_keys ADD COLUMN seal BLOB;
ALTER TABLE lease_policies ADD COLUMN seal BLOB;
ALTER TABLE external_key_suspensions ADD COLUMN seal BLOB;
ALTER TABLE webhook_endpoints ADD COLUMN seal BLOB;
ALTER TABLE webhook_deliveries ADD COLUMN seal BLOB;

ALTER TABLE external_keys ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1));
UPDATE external_keys SET suspended = 1 WHERE EXISTS (SELECT 1 FROM external_key_suspensions AS suspension WHERE
  suspension.organization = external_keys.organization AND suspension.external_key_id = external_keys.id);

-- As it was, but that destroyed rows are sealed anew where the root key is replaced.
DROP TRIGGER data_keys_stay_destroyed;
CREATE TRIGGER data_keys_stay_destroyed BEFORE UPDATE OF id, organization, compartment, external_key_id, key_version,
  wrapped, state, created_at, key_check, retired_at, rewrapped_at, destroyed_at, last_used_at, records, bytes ON data_keys
WHEN OLD.state = 'destroyed'
BEGIN
  SELECT RAISE (ABORT, 'a destroyed data key is not changed');
END;

CREATE TABLE root_key (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  seal BLOB NOT NULL
) STRICT;
)sql";

// The masked last bytes of erased wrapped data keys: a purge searches the files for them and then erases them here
// (purger.hpp); the mask keeps the search from finding this table. `pending`: the data key is destroyed, and a caller
// waits.
constexpr std::string_view kErasedSchema = R"sql(
CREATE TABLE erased_forms (
  id INTEGER PRIMARY KEY,
  data_key BLOB NOT NULL CHECK (length(data_key) = 16),
  masked BLOB NOT NULL,
  pending INTEGER NOT NULL CHECK (pending IN (0, 1))
) STRICT;
CREATE INDEX erased_forms_by_data_key ON erased_forms (data_key);
CREATE INDEX erased_forms_pending ON erased_forms (id) WHERE pending = 1;
)sql";

// Every list that a tenant can request is read in the order of an index. Activities are erased when they are older than
// their retention: `activity_horizon` has a row while a transaction erases them.
constexpr std::string_view kListSchema = R"sql(
CREATE INDEX activities_by_type ON activities (organization, type, created_at, id);
CREATE INDEX activities_by_actor ON activities (organization, actor_id, type, created_at, id);
CREATE INDEX activities_by_age ON activities (created_at);
CREATE TABLE activity_horizon (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  time INTEGER NOT NULL
) STRICT;
DROP TRIGGER activities_are_not_deleted;
CREATE TRIGGER activities_are_not_deleted BEFORE DELETE ON activities
WHEN OLD.created_at >= coalesce((SELECT time FROM activity_horizon), OLD.created_at)
BEGIN
  SELECT RAISE (ABORT, 'activities are append-only');
END;

DROP INDEX webhook_deliveries_due;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at, created_at, id)
WHERE state = 'pending';

ALTER TABLE external_keys ADD COLUMN key_place TEXT;
UPDATE external_keys SET key_place = CASE WHEN json_valid(provider_config) THEN
  rtrim(lower(json_extract(provider_config, '$.vault_uri')), '/') || ' ' ||
  lower(json_extract(provider_config, '$.key_name')) END;
CREATE INDEX external_keys_by_place ON external_keys (key_place) WHERE key_place IS NOT NULL;
)sql";

// The number of deliveries of each state per endpoint, so that no query counts them. Triggers maintain it, because rows
// also go with their endpoint. The rowid orders an endpoint's rows by when they were written, whatever the clock did.
// Pending deliveries beyond an endpoint's limit (webhooks/backlog.hpp) are given up by this step.
constexpr std::string_view kWebhookBacklogSchema = R"sql(
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (endpoint_id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (endpoint_id) WHERE state <> 'pending';
UPDATE webhook_deliveries SET state = 'failed', next_attempt_at = NULL,
  last_error = 'It was given up: more events than 1000 were waiting for the endpoint.'
WHERE rowid IN (SELECT rowid FROM (SELECT rowid, row_number() OVER (PARTITION BY endpoint_id ORDER BY rowid DESC) AS place
  FROM webhook_deliveries WHERE state = 'pending') WHERE place > 1000);

ALTER TABLE webhook_endpoints ADD COLUMN pending_deliveries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook_endpoints ADD COLUMN ended_deliveries INTEGER NOT NULL DEFAULT 0;
UPDATE webhook_endpoints SET
  pending_deliveries = (SELECT count(*) FROM webhook_deliveries WHERE endpoint_id = webhook_endpoints.id AND
    state = 'pending'),
  ended_deliveries = (SELECT count(*) FROM webhook_deliveries WHERE endpoint_id = webhook_endpoints.id AND
    state <> 'pending');
CREATE INDEX webhook_endpoints_by_ended ON webhook_endpoints (ended_deliveries);
CREATE INDEX webhook_endpoints_left ON webhook_endpoints (id) WHERE enabled = 0 AND pending_deliveries > 0;
CREATE TRIGGER webhook_deliveries_count_in AFTER INSERT ON webhook_deliveries
BEGIN
  UPDATE webhook_endpoints SET pending_deliveries = pending_deliveries + (NEW.state = 'pending'),
    ended_deliveries = ended_deliveries + (NEW.state <> 'pending') WHERE id = NEW.endpoint_id;
END;
CREATE TRIGGER webhook_deliveries_count_out AFTER DELETE ON webhook_deliveries
BEGIN
  UPDATE webhook_endpoints SET pending_deliveries = pending_deliveries - (OLD.state = 'pending'),
    ended_deliveries = ended_deliveries - (OLD.state <> 'pending') WHERE id = OLD.endpoint_id;
END;
CREATE TRIGGER webhook_deliveries_count_over AFTER UPDATE OF state ON webhook_deliveries
WHEN (OLD.state = 'pending') <> (NEW.state = 'pending')
BEGIN
  UPDATE webhook_endpoints SET
    pending_deliveries = pending_deliveries + (NEW.state = 'pending') - (OLD.state = 'pending'),
    ended_deliveries = ended_deliveries + (NEW.state <> 'pending') - (OLD.state <> 'pending') WHERE id = NEW.endpoint_id;
END;
)sql";

// Made anew, because SQLite changes no constraint. The sequence goes on: another node may have seen the latest.
constexpr std::string_view kChangeNoticeSchema = R"sql(
CREATE TABLE notices_of_changes (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  node BLOB NOT NULL CHECK (length(node) = 16),
  kind TEXT NOT NULL CHECK (kind IN ('forget_key', 'forget_data_keys', 'rows_changed')),
  external_key_id TEXT NOT NULL,
  compartment BLOB NOT NULL CHECK (length(compartment) = 16),
  organization BLOB NOT NULL CHECK (length(organization) = 16),
  created_at INTEGER NOT NULL
) STRICT;
INSERT INTO sqlite_sequence (name, seq) SELECT 'notices_of_changes', seq FROM sqlite_sequence WHERE name = 'notices';
INSERT INTO notices_of_changes (sequence, node, kind, external_key_id, compartment, organization, created_at)
  SELECT sequence, node, kind, external_key_id, compartment, zeroblob(16), created_at FROM notices;
DROP TABLE notices;
ALTER TABLE notices_of_changes RENAME TO notices;
)sql";

constexpr std::array kMigrations{Migration{"first", kFirstSchema},
                                 Migration{"lease policies", kLeasePolicySchema},
                                 Migration{"data key checks", kDataKeyCheckSchema},
                                 Migration{"key health", kHealthSchema},
                                 Migration{"data key life", kDataKeyLifeSchema},
                                 Migration{"webhooks", kWebhookSchema},
                                 Migration{"notices", kNoticeSchema},
                                 Migration{"row seals", kSealSchema},
                                 Migration{"erased forms", kErasedSchema},
                                 Migration{"lists", kListSchema},
                                 Migration{"webhook backlogs", kWebhookBacklogSchema},
                                 Migration{"notices of changes", kChangeNoticeSchema}};

}  // namespace

std::span<const Migration> migrations() {
  return kMigrations;
}

}  // namespace latchkey::store
