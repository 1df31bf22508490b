// Microsoft Graph: applications in their home tenant, and service principals in tenants that have consented.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/odata_match.hpp"
#include "clouds/azure/emulator/tokens.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

// Thread-safe. Changes wait for the disk: do not call it on I/O threads.
class Graph {
 public:
  explicit Graph(Cloud& cloud) : cloud_(cloud) {}
  [[nodiscard]] http::Response handle(const http::Request& request);

 private:
  [[nodiscard]] Outcome<http::Response> respond(const http::Request& request);

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
  // True where the path has exactly these segments; "*" stands for any one.
  [[nodiscard]] bool is(std::initializer_list<std::string_view> pattern) const;
  // Authorization_RequestDenied unless the caller has a directory role that allows it.
  [[nodiscard]] Outcome<void> require_reader() const;
  [[nodiscard]] Outcome<void> require_administrator() const;
};

[[nodiscard]] std::optional<Outcome<http::Response>> handle_service_principals(Call& call);
[[nodiscard]] std::optional<Outcome<http::Response>> handle_applications(Call& call);

[[nodiscard]] Refusal not_found(std::string_view id);
[[nodiscard]] Refusal bad_request(std::string message);
[[nodiscard]] Outcome<boost::json::object> read_body(const http::Request& request);
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view name);
// One collection: its name, its type, and its properties. The schema has every property that a response shows, and
// those that are documented and not shown, which are null.
struct Collection {
  std::string_view name;  // "servicePrincipals"
  std::string_view type;  // "servicePrincipal"
  odata::Schema schema;
};
// The response to GET of a collection: the items that match $filter, in the order of $orderby, in pages of $top, with
// the properties of $select. An option that is not understood is refused.
[[nodiscard]] Outcome<http::Response> list_response(const Call& call, const Collection& collection,
                                                    boost::json::array items);
// GET of the collection's "$count".
[[nodiscard]] Outcome<http::Response> count_response(const Call& call, const Collection& collection,
                                                     const boost::json::array& items);
// GET of one thing, with the properties of $select.
[[nodiscard]] Outcome<http::Response> item_response(const Call& call, const Collection& collection,
                                                    const boost::json::object& item);
[[nodiscard]] boost::json::object wrap_list(const http::Request& request, std::string_view context,
                                            boost::json::array items);
[[nodiscard]] boost::json::object show_service_principal(const Model& model, const ServicePrincipal& principal);
[[nodiscard]] boost::json::object show_application(const Application& app);
// "servicePrincipals(appId='..')" names one by its app id; empty where the segment is something else.
[[nodiscard]] std::string app_id_in(std::string_view segment, std::string_view collection);

}  // namespace graph

}  // namespace latchkey::clouds::azure::emulator
