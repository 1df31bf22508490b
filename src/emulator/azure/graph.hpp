// Microsoft Graph: applications at home, service principals where they were consented to.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "emulator/azure/cloud.hpp"
#include "emulator/azure/filter.hpp"
#include "emulator/azure/tokens.hpp"
#include "http/message.hpp"

namespace latchkey::emulator::azure {

// Thread-safe. Changes wait for the disk: not for I/O threads.
class Graph {
 public:
  explicit Graph(Cloud& cloud) : cloud_(cloud) {}
  [[nodiscard]] http::Response handle(const http::Request& request);

 private:
  [[nodiscard]] Outcome<http::Response> answer(const http::Request& request);

  Cloud& cloud_;
};

namespace graph {

struct Call {
  Cloud& cloud;
  const http::Request& request;
  Snapshot model;
  Caller caller;
  std::vector<std::string> path;  // without "v1.0"
  Seconds now = 0;

  [[nodiscard]] const std::string& method() const { return request.method; }
  // Exactly these segments, "*" standing for any one.
  [[nodiscard]] bool is(std::initializer_list<std::string_view> pattern) const;
  // Authorization_RequestDenied unless the caller has a directory role that may.
  [[nodiscard]] Outcome<void> require_reader() const;
  [[nodiscard]] Outcome<void> require_administrator() const;
};

[[nodiscard]] std::optional<Outcome<http::Response>> handle_service_principals(Call& call);
[[nodiscard]] std::optional<Outcome<http::Response>> handle_applications(Call& call);

[[nodiscard]] Refusal not_found(std::string_view id);
[[nodiscard]] Refusal bad_request(std::string message);
[[nodiscard]] Outcome<boost::json::object> read_body(const http::Request& request);
[[nodiscard]] Outcome<std::vector<FilterClause>> read_filter(const http::Request& request);
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view name);
[[nodiscard]] boost::json::object show_list(const http::Request& request, std::string_view type,
                                            boost::json::array items);
[[nodiscard]] boost::json::object show_service_principal(const Model& model, const ServicePrincipal& principal);
[[nodiscard]] boost::json::object show_application(const Application& app);
// "servicePrincipals(appId='..')" names one by its app id; empty where the segment is something else.
[[nodiscard]] std::string app_id_in(std::string_view segment, std::string_view collection);

}  // namespace graph

}  // namespace latchkey::emulator::azure
