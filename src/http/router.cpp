#include "http/router.hpp"

#include <algorithm>

#include <boost/algorithm/string/join.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/container/small_vector.hpp>

namespace latchkey::http {

namespace {

using Segments = boost::container::small_vector<std::string_view, 16>;

Segments split_path(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  Segments segments;
  for (;;) {
    auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_name(const std::string& segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// True where `a` has a literal and `b` a name in the first segment in which they differ in kind.
bool more_literal(const Route& a, const Route& b) {
  for (std::size_t i = 0; i < a.segments.size(); ++i) {
    if (is_name(a.segments[i]) != is_name(b.segments[i])) return !is_name(a.segments[i]);
  }
  return false;
}

void add_once(std::vector<std::string>& methods, const std::string& method) {
  if (std::find(methods.begin(), methods.end(), method) == methods.end()) methods.push_back(method);
}

}  // namespace

void Router::add(std::string method, std::string pattern, Handler handler) {
  auto views = split_path(pattern);
  std::vector<std::string> segments(views.begin(), views.end());
  routes_.push_back(Route{std::move(method), std::move(pattern), std::move(handler), std::move(segments)});
}

RouteMatch Router::match(std::string_view method, std::string_view path) const {
  auto segments = split_path(path);
  auto fits = [&](const Route& route) {
    if (route.segments.size() != segments.size()) return false;
    // Routes differ most at their ends.
    for (std::size_t i = segments.size(); i-- > 0;) {
      if (is_name(route.segments[i])) {
        if (segments[i].empty()) return false;
      } else if (!(ignore_case_ ? boost::beast::iequals(route.segments[i], segments[i])
                                : route.segments[i] == segments[i])) {
        return false;
      }
    }
    return true;
  };
  auto wanted = method == "HEAD" ? std::string_view("GET") : method;
  RouteMatch match;
  for (const auto& route : routes_) {
    if (!fits(route)) continue;
    if (route.method != wanted) {
      add_once(match.allowed_methods, route.method);
    } else if (match.route == nullptr || more_literal(route, *match.route)) {
      match.route = &route;
    }
  }
  if (match.route == nullptr) return match;
  match.allowed_methods.clear();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto& name = match.route->segments[i];
    if (!is_name(name)) continue;
    auto value = percent_decode(segments[i]);
    if (!value) return RouteMatch{};
    match.parameters.emplace_back(std::string_view(name).substr(1, name.size() - 2), std::move(value).value());
  }
  return match;
}

std::vector<std::string> Router::methods() const {
  std::vector<std::string> methods;
  for (const auto& route : routes_) add_once(methods, route.method);
  return methods;
}

std::string allow_field(const std::vector<std::string>& methods) {
  std::vector<std::string> allowed;
  for (const auto& method : methods) {
    add_once(allowed, method);
    if (method == "GET") add_once(allowed, "HEAD");
  }
  add_once(allowed, "OPTIONS");
  return boost::algorithm::join(allowed, ", ");
}

}  // namespace latchkey::http
