// The rules of the Admin API and of the data plane, over the store and the keys.
#pragma once

#include <memory>

#include "admin/credentials.hpp"
#include "admin/data_keys.hpp"
#include "admin/external_keys.hpp"
#include "admin/lease_policies.hpp"
#include "admin/rewraps.hpp"
#include "admin/suspensions.hpp"
#include "admin/workspaces.hpp"
#include "audit/activity_log.hpp"
#include "data/compartments.hpp"
#include "data/data_plane.hpp"
#include "metrics/server_metrics.hpp"
#include "server/keys.hpp"
#include "server/storage.hpp"
#include "server/tools.hpp"

namespace latchkey::server {

struct Rules {
  std::unique_ptr<admin::Credentials> credentials;
  std::unique_ptr<admin::ExternalKeys> external_keys;
  std::unique_ptr<admin::Workspaces> workspaces;
  std::unique_ptr<audit::ActivityFeed> activity;
  std::unique_ptr<data::Compartments> compartments;
  std::unique_ptr<data::DataPlane> data_plane;
  std::unique_ptr<admin::LeasePolicies> lease_policies;
  std::unique_ptr<admin::Suspensions> suspensions;
  std::unique_ptr<admin::DataKeys> data_keys;
  std::unique_ptr<admin::Rewraps> rewraps;
};

[[nodiscard]] Rules make_rules(const ServerTools& tools, store::Store& store, Keys& keys,
                               metrics::ServerMetrics& metrics);

}  // namespace latchkey::server
