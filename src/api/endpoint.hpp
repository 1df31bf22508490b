// One entry of the API: where it answers, whom it answers, and the function that does. What every answer shares
// (authentication, roles, limits, request ids, errors) is api_service.cpp's matter, not the handlers'.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/api_service.hpp"
#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/task.hpp"
#include "http/message.hpp"

namespace latchkey::api {

enum class Access {
  Public,    // no key
  Metrics,   // the scraper's token
  Admin,     // admin keys
  Activity,  // admin and compliance keys
  Data,      // service and workspace keys
};

struct Call {
  http::Request request;
  audit::Caller caller;  // empty for Access::Public
  Deadline deadline;
  // For a handler that has something to look at once more behind its last wait. It asks this itself, before that; for
  // all others it is asked behind them.
  data::Confirm confirm;
};

struct Endpoint {
  std::string method;
  std::string pattern;
  Access access = Access::Admin;
  std::function<Task<Result<http::Response>>(Call)> handler;
  std::size_t body_limit = 0;
  std::size_t raw_body_limit = 0;  // for application/octet-stream; 0: no other than body_limit
  bool is_vital = false;           // answered even where the server has no room for more connections
};

// `parts` outlives what they return.
[[nodiscard]] std::vector<Endpoint> external_key_endpoints(const ApiParts& parts, const ApiLimits& limits);
[[nodiscard]] std::vector<Endpoint> key_health_endpoints(const ApiParts& parts, const ApiLimits& limits);
[[nodiscard]] std::vector<Endpoint> workspace_endpoints(const ApiParts& parts, const ApiLimits& limits);
[[nodiscard]] std::vector<Endpoint> data_key_endpoints(const ApiParts& parts, const ApiLimits& limits);
[[nodiscard]] std::vector<Endpoint> organization_endpoints(const ApiParts& parts, const ApiLimits& limits);
[[nodiscard]] std::vector<Endpoint> activity_endpoints(const ApiParts& parts, const ApiLimits& limits);
[[nodiscard]] std::vector<Endpoint> data_plane_endpoints(const ApiParts& parts, const ApiLimits& limits);
[[nodiscard]] std::vector<Endpoint> webhook_endpoints(const ApiParts& parts, const ApiLimits& limits);
[[nodiscard]] std::vector<Endpoint> health_endpoints(const ApiParts& parts, const ApiLimits& limits);

}  // namespace latchkey::api
