// One endpoint of the API: its route, who may call it, and the function that handles a call. What all endpoints share
// (authentication, roles, limits, request ids, errors) is the task of api_service.cpp, not of the handlers.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/task.hpp"
#include "data/data_plane.hpp"
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
  // The service keeps both until it has the handler's result. A handler may take out of the request what it needs.
  http::Request& request;
  const audit::Caller& caller;  // empty for Access::Public
  Deadline deadline;
  // Whether the caller's API key is still valid. The service asks this behind the handler. A handler that has to check
  // something once more behind its last wait asks this itself, before that check, and the service does not ask again.
  data::Confirm confirm;
};

struct Endpoint {
  std::string method;
  std::string pattern;
  Access access = Access::Admin;
  std::function<Task<Result<http::Response>>(Call)> handler;
  std::size_t body_limit = 0;
  std::size_t raw_body_limit = 0;    // for application/octet-stream; 0: body_limit is for every type
  std::size_t room_behind_body = 0;  // for what the handler appends to a body
  bool secret_body = false;          // the service wipes the request's body, whatever becomes of the request
  bool is_vital = false;             // the server responds even where it has no room for more connections
};

// Gives the handlers of one group their parts: for `on = with_parts(parts)`, on(handler) is an Endpoint::handler.
template <class Parts>
[[nodiscard]] auto with_parts(Parts parts) {
  return [parts](auto handler) { return [parts, handler](Call call) { return handler(parts, std::move(call)); }; };
}

}  // namespace latchkey::api
