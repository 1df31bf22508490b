// The stored rows: plain values, one struct per table. The rules about them are in admin and keyring.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/id.hpp"

namespace latchkey::store {

struct Organization {
  Uuid id;
  std::string name;
  Timestamp created_at;

  friend bool operator==(const Organization&, const Organization&) = default;
};

enum class Role {
  Admin,       // the Admin API of its organisation; no data
  Service,     // the data plane of every workspace of its organisation
  Compliance,  // reads the activity feed
  Workspace,   // the data plane of one workspace
};

struct ApiKey {
  std::string id;  // apikey_...
  Uuid organization;
  Role role = Role::Admin;
  std::optional<std::string> workspace_id;  // set only for Role::Workspace
  std::string name;
  Bytes hash;        // SHA-256 of the key; the key itself is never stored
  std::string hint;  // "...last four characters"
  Timestamp created_at;
  std::optional<Timestamp> revoked_at;

  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

struct ExternalKey {
  std::string id;  // ekey_...
  Uuid organization;
  std::optional<std::string> display_name;
  std::string geo;
  std::string provider;         // "azure"
  std::string provider_config;  // the JSON object as the API shows it
  Timestamp created_at;
  Timestamp updated_at;
  // Counts the changes of geo and provider_config: a validation that ran outside a transaction compares it.
  std::int64_t revision = 0;
  // True while there is an ExternalKeySuspension. The store maintains it, so that it notices a suspension that was
  // removed unseen.
  bool suspended = false;

  friend bool operator==(const ExternalKey&, const ExternalKey&) = default;
};

struct Workspace {
  std::string id;  // wrkspc_...
  Uuid organization;
  Uuid compartment;
  std::string name;
  std::string display_color;
  bool is_default = false;
  std::optional<std::string> external_key_id;
  std::string workspace_geo;
  std::string allowed_inference_geos;  // JSON: "unrestricted" (with quotes) or an array of strings
  std::string default_inference_geo;
  std::map<std::string, std::string> tags;
  Timestamp created_at;
  std::optional<Timestamp> archived_at;

  friend bool operator==(const Workspace&, const Workspace&) = default;
};

enum class DataKeyState {
  Active,     // encrypts and decrypts; at most one per compartment and external key
  Retired,    // decrypts
  Destroyed,  // its wrapped bytes are gone for good; only the row is left
};

struct DataKey {
  RawId id;
  Uuid organization;
  Uuid compartment;
  std::optional<std::string> external_key_id;  // absent: wrapped by the platform's own root key
  std::string key_version;                     // as the provider named it when wrapping; unwrapping passes it back
  Bytes wrapped;
  DataKeyState state = DataKeyState::Active;
  Timestamp created_at;
  // envelope::key_check of the data key, in hex; absent for data keys from releases without it.
  std::optional<std::string> key_check = std::nullopt;
  std::optional<Timestamp> retired_at = std::nullopt;
  std::optional<Timestamp> rewrapped_at = std::nullopt;
  std::optional<Timestamp> destroyed_at = std::nullopt;
  // The counters below are written from time to time, not with each use.
  std::optional<Timestamp> last_used_at = std::nullopt;
  std::int64_t records = 0;  // encrypted by this server; a library's own encryption elsewhere is not counted
  std::int64_t bytes = 0;    // of their plaintexts

  friend bool operator==(const DataKey&, const DataKey&) = default;
};

// An organisation's own lease ages, instead of the server's.
struct LeasePolicy {
  Uuid organization;
  std::chrono::milliseconds soft{};
  std::chrono::milliseconds hard{};

  friend bool operator==(const LeasePolicy&, const LeasePolicy&) = default;
};

struct Activity {
  std::string id;  // activity_...
  std::string type;
  Timestamp created_at;
  Uuid organization;
  std::string actor_id;  // actor_ids[] filters by it
  std::string actor;     // JSON object
  std::string details;   // JSON object: the fields of this type

  friend bool operator==(const Activity&, const Activity&) = default;
};

// --- the health of external keys ---

enum class KeyHealthState {
  Unknown,      // not called since it was attached or resumed
  Healthy,      // the key works
  Degraded,     // works with failures; or unwraps, but does not wrap
  Refused,      // the provider refused
  Unreachable,  // the provider could not be reached
  Suspended,    // an operator forbade the use of the key
};

struct ExternalKeyHealth {
  std::string external_key_id;
  Uuid organization;
  KeyHealthState state = KeyHealthState::Unknown;
  Timestamp since;     // of the state
  std::string reason;  // a stable code; these three are empty where it is healthy
  std::string cause;
  std::string cure;
  std::optional<Timestamp> last_checked_at;  // the last call, whatever its result
  std::optional<Timestamp> last_success_at;
  bool alarmed = false;  // a failure was announced, and its recovery was not yet

  friend bool operator==(const ExternalKeyHealth&, const ExternalKeyHealth&) = default;
};

// While there is one, nobody encrypts or decrypts under the key.
struct ExternalKeySuspension {
  std::string external_key_id;
  Uuid organization;
  Timestamp suspended_at;
  std::string suspended_by;           // apikey_...
  std::optional<std::string> reason;  // the operator's own words

  friend bool operator==(const ExternalKeySuspension&, const ExternalKeySuspension&) = default;
};

// The use of a data key since the last write.
struct DataKeyUse {
  RawId id;
  std::int64_t records = 0;
  std::int64_t bytes = 0;

  friend bool operator==(const DataKeyUse&, const DataKeyUse&) = default;
};

// The number of data keys that an external key wraps, and how many of them another version than the one in question
// wraps.
struct WrappedCount {
  std::int64_t total = 0;
  std::int64_t remaining = 0;

  friend bool operator==(const WrappedCount&, const WrappedCount&) = default;
};

enum class RewrapState {
  Running,    // goes on by itself, also after a restart
  Paused,     // by a person
  Stopped,    // by an error; see `error`
  Completed,  // every data key is under target_version
};

// The latest rewrapping of an external key's data keys.
struct Rewrap {
  std::string external_key_id;
  Uuid organization;
  RewrapState state = RewrapState::Running;
  std::string target_version;
  Timestamp started_at;
  Timestamp updated_at;
  std::optional<std::string> error;   // why it stopped, or what it waits for to pass
  std::optional<std::string> reason;  // the error's, as kms/reasons.hpp names it

  friend bool operator==(const Rewrap&, const Rewrap&) = default;
};

// --- notices between nodes ---

enum class NoticeKind {
  ForgetKey,       // the external key refuses, was suspended, or works again: drop all leases under it
  ForgetDataKeys,  // data keys of the compartment were destroyed
  RowsChanged,     // of the organisation: what Changes (changes.hpp) tells of
};

struct Notice {
  NoticeKind kind = NoticeKind::ForgetKey;
  std::string external_key_id = {};  // for ForgetKey
  Uuid compartment{};                // for ForgetDataKeys
  Uuid organization{};               // for RowsChanged
  Timestamp created_at = {};
  std::int64_t sequence = 0;  // the store sets it; rising

  friend bool operator==(const Notice&, const Notice&) = default;
};

// --- webhooks ---

// A signing secret, wrapped by the platform's own root key.
struct WrappedSecret {
  std::string key_version;
  Bytes wrapped;

  friend bool operator==(const WrappedSecret&, const WrappedSecret&) = default;
};

// A replaced secret, which still signs until it expires.
struct ExpiringSecret {
  WrappedSecret secret;
  Timestamp expires_at;

  friend bool operator==(const ExpiringSecret&, const ExpiringSecret&) = default;
};

// Where an organisation receives events.
struct WebhookEndpoint {
  std::string id;  // whep_...
  Uuid organization;
  std::string url;
  std::string description;
  std::vector<std::string> events;  // types
  bool enabled = true;
  std::string disabled_reason;  // for people; empty where it is enabled
  WrappedSecret secret;
  std::optional<ExpiringSecret> previous_secret = std::nullopt;
  Timestamp created_at;
  Timestamp updated_at;

  friend bool operator==(const WebhookEndpoint&, const WebhookEndpoint&) = default;
};

enum class WebhookDeliveryState {
  Pending,    // next attempt at next_attempt_at
  Delivered,  // the endpoint accepted it
  Failed,     // given up
};

// One event on its way to one endpoint.
struct WebhookDelivery {
  std::string id;  // whdl_...
  Uuid organization;
  std::string endpoint_id;
  std::string event_id;  // evt_...: the same for every endpoint
  std::string event_type;
  std::string body;  // as it is signed and sent
  WebhookDeliveryState state = WebhookDeliveryState::Pending;
  std::int64_t attempts = 0;
  Timestamp created_at;
  std::optional<Timestamp> next_attempt_at = std::nullopt;  // absent where there is none
  std::optional<Timestamp> last_attempt_at = std::nullopt;
  std::optional<std::int64_t> last_status = std::nullopt;  // of the endpoint's response, where there was one
  std::optional<std::string> last_error = std::nullopt;    // why the last attempt failed

  friend bool operator==(const WebhookDelivery&, const WebhookDelivery&) = default;
};

}  // namespace latchkey::store
