// Microsoft Graph: applications at home, service principals where they were consented to.
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
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view name);
// What is listed together: its name, its type, and what of it may be asked for. The schema has every property that is
// shown, and the documented ones that are not, which are null.
struct Collection {
  std::string_view name;  // "servicePrincipals"
  std::string_view type;  // "servicePrincipal"
  odata::Schema schema;
};
// The answer to GET of a collection: what $filter lets through, in the order of $orderby, in pages of $top, with the
// properties of $select. An option that is not understood is refused.
[[nodiscard]] Outcome<http::Response> answer_list(const Call& call, const Collection& collection,
                                                  boost::json::array items);
// GET of the collection's "$count".
[[nodiscard]] Outcome<http::Response> answer_count(const Call& call, const Collection& collection,
                                                   const boost::json::array& items);
// GET of one thing, with the properties of $select.
[[nodiscard]] Outcome<http::Response> answer_one(const Call& call, const Collection& collection,
                                                 const boost::json::object& item);
[[nodiscard]] boost::json::object wrap_list(const http::Request& request, std::string_view context,
                                            boost::json::array items);
[[nodiscard]] boost::json::object show_service_principal(const Model& model, const ServicePrincipal& principal);
[[nodiscard]] boost::json::object show_application(const Application& app);
// "servicePrincipals(appId='..')" names one by its app id; empty where the segment is something else.
[[nodiscard]] std::string app_id_in(std::string_view segment, std::string_view collection);

}  // namespace graph

}  // namespace latchkey::clouds::azure::emulator
