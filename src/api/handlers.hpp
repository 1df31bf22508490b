// The endpoints of the API, in groups: for each group what its handlers call, and the function that makes them. All
// references outlive the endpoints. Handlers parse, call one function of the floor below, and render.
#pragma once

#include <vector>

#include "api/api_limits.hpp"
#include "api/endpoint.hpp"
#include "base/clock.hpp"

namespace latchkey {
namespace admin {
class Credentials;
class DataKeys;
class ExternalKeys;
class LeasePolicies;
class Rewraps;
class Suspensions;
class Workspaces;
}  // namespace admin
namespace audit {
class ActivityFeed;
}
namespace health {
class HealthMonitor;
}
namespace kms {
class Providers;
}
namespace metrics {
class ServerMetrics;
}
namespace store {
class Store;
}
namespace webhooks {
class Deliverer;
class Endpoints;
}  // namespace webhooks
}  // namespace latchkey

namespace latchkey::api {

struct ActivityParts {
  audit::ActivityFeed& activity;
};
[[nodiscard]] std::vector<Endpoint> activity_endpoints(ActivityParts parts, const ApiLimits& limits);

struct DataKeyParts {
  admin::DataKeys& data_keys;
  admin::Rewraps& rewraps;
};
[[nodiscard]] std::vector<Endpoint> data_key_endpoints(DataKeyParts parts, const ApiLimits& limits);

struct DataPlaneParts {
  data::DataPlane& data_plane;
  const Clock& clock;
};
[[nodiscard]] std::vector<Endpoint> data_plane_endpoints(DataPlaneParts parts, const ApiLimits& limits);

struct ExternalKeyParts {
  admin::ExternalKeys& external_keys;
  const kms::Providers& clouds;
};
[[nodiscard]] std::vector<Endpoint> external_key_endpoints(ExternalKeyParts parts, const ApiLimits& limits);

struct HealthParts {
  store::Store& store;
  const metrics::ServerMetrics& metrics;
  const Clock& clock;
};
// None of them takes a body: two of them serve anybody.
[[nodiscard]] std::vector<Endpoint> health_endpoints(HealthParts parts);

struct KeyHealthParts {
  admin::ExternalKeys& external_keys;
  health::HealthMonitor& health;
  admin::Suspensions& suspensions;
};
[[nodiscard]] std::vector<Endpoint> key_health_endpoints(KeyHealthParts parts, const ApiLimits& limits);

struct OrganizationParts {
  admin::Credentials& credentials;
  admin::LeasePolicies& lease_policies;
};
[[nodiscard]] std::vector<Endpoint> organization_endpoints(OrganizationParts parts, const ApiLimits& limits);

struct WebhookParts {
  webhooks::Endpoints& endpoints;
  webhooks::Deliverer& deliverer;
};
[[nodiscard]] std::vector<Endpoint> webhook_endpoints(WebhookParts parts, const ApiLimits& limits);

struct WorkspaceParts {
  admin::Workspaces& workspaces;
  const admin::LeasePolicies& lease_policies;
  const Clock& clock;
};
[[nodiscard]] std::vector<Endpoint> workspace_endpoints(WorkspaceParts parts, const ApiLimits& limits);

}  // namespace latchkey::api
