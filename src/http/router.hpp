// A table of routes. A pattern is made of literal segments and {names}: "/v1/workspaces/{workspace_id}/encrypt". A name
// matches one whole non-empty segment; its value is percent-decoded after matching, so an encoded slash stays inside
// it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/task.hpp"
#include "http/message.hpp"

namespace latchkey::http {

using Handler = std::function<Task<Response>(Request)>;

struct Route {
  std::string method;
  std::string pattern;
  Handler handler;
  std::vector<std::string> segments;
};

// Holds as long as the router does, and gets no more routes.
struct RouteMatch {
  const Route* route = nullptr;              // null: no route has this path and method
  std::vector<std::string> allowed_methods;  // where the path is known with other methods: a 405
  PathParameters parameters;
};

class Router {
 public:
  void add(std::string method, std::string pattern, Handler handler);
  // Literal segments win over names. With `ignore_case`, literal segments match in any case (ARM, Key Vault). HEAD
  // finds what GET finds (RFC 9110 section 9.3.2); the server leaves out the body.
  [[nodiscard]] RouteMatch match(std::string_view method, std::string_view path) const;
  void set_ignore_case(bool ignore) { ignore_case_ = ignore; }
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }
  // The methods of all routes, each once, in the order of the routes.
  [[nodiscard]] std::vector<std::string> methods() const;

 private:
  std::vector<Route> routes_;
  bool ignore_case_ = false;
};

// The Allow header of a path whose routes have these methods: GET brings HEAD with it, and OPTIONS is always allowed.
[[nodiscard]] std::string allow_field(const std::vector<std::string>& methods);

}  // namespace latchkey::http
