// Workspaces: create, list, get, update (which attaches a key, once and for good) and archive. Each change is one
// transaction, and records an activity in it. Attaching validates the key first, outside the transaction, and checks
// inside it that neither the key nor the workspace changed meanwhile.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "admin/settings.hpp"
#include "audit/caller.hpp"
#include "base/task.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

// A field is absent where the request leaves it out; geos are the contract's JSON.
struct DataResidencyChange {
  std::optional<std::string> workspace_geo;           // create alone
  std::optional<std::string> allowed_inference_geos;  // JSON text: "\"unrestricted\"" or an array
  std::optional<std::string> default_inference_geo;
};

struct NewWorkspace {
  std::string name;
  std::optional<std::string> display_color;
  std::optional<std::string> external_key_id;
  DataResidencyChange data_residency;
  std::map<std::string, std::string> tags;
};

struct WorkspaceChange {
  std::optional<std::string> name;
  std::optional<std::string> display_color;
  std::optional<std::string> external_key_id;
  DataResidencyChange data_residency;
  std::map<std::string, std::optional<std::string>> tags;  // an absent value removes that tag; other tags stay
};

struct WorkspaceQuery {
  std::size_t limit = 20;
  std::optional<std::string> after_id;
  std::optional<std::string> before_id;
  bool include_archived = false;
  bool include_default = false;
  std::optional<std::vector<std::string>> ids;
};

class Workspaces {
 public:
  // All references outlive the object.
  Workspaces(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds, const Clock& clock,
             RandomSource& random, AdminSettings settings);

  // Where create and update name an external key, they also return Invalid with reason external_key_validation_failed
  // or external_key_validation_timed_out, Conflict with reason external_key_changed, and Invalid where another key is
  // attached already or the workspace is archived. Attaching the same key again changes nothing.
  [[nodiscard]] Task<Result<store::Workspace>> create(audit::Caller caller, NewWorkspace workspace);
  [[nodiscard]] Task<Result<store::Workspace>> update(audit::Caller caller, std::string id, WorkspaceChange change);
  [[nodiscard]] Task<Result<store::Page<store::Workspace>>> list(audit::Caller caller, WorkspaceQuery query);
  [[nodiscard]] Task<Result<store::Workspace>> get(audit::Caller caller, std::string id);
  // Revokes the workspace's API keys in the same transaction. Invalid for the default workspace. Archiving again
  // changes nothing.
  [[nodiscard]] Task<Result<store::Workspace>> archive(audit::Caller caller, std::string id);

 private:
  store::Store& store_;
  kms::KeyProvider& provider_;
  const kms::Providers& clouds_;
  const Clock& clock_;
  RandomSource& random_;
  AdminSettings settings_;
};

}  // namespace latchkey::admin
