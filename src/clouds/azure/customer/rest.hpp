// One call to one of Azure's REST APIs: signed in, retried where it is safe, its answer read, its refusal an Error.
// Blocking: for command lines.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "clouds/azure/customer/sign_in.hpp"

namespace latchkey::clouds::azure::customer {

struct Call {
  std::string what;  // for messages: "reading the vault contoso"
  std::string method = "GET";
  std::string url;
  std::optional<boost::json::object> body = {};
  // Whether a second time does no harm, so that it is tried again after a fault; else it is after a 429 alone.
  bool repeatable = true;
};

class Rest {
 public:
  struct Tools {
    SignIn& sign_in;
    std::shared_ptr<kms::RetryingTransport> transport;
    const Clock& clock;
    RandomSource& random;
  };
  // Told of every call, before it is sent. May be empty.
  using Observer = std::function<void(const Call&)>;

  // The references outlive it. Tokens are of `tenant` (empty: the one signed in to) for `resource`.
  Rest(Tools tools, std::string tenant, std::string resource, Observer observer = {});

  // The answer's object. Errors: those of SignIn::token; NotFound, Conflict, PermissionDenied, NetworkBlocked (the
  // vault's firewall), Unauthenticated and Invalid for refusals, each with Azure's code as `reason` (the inner one
  // where there is one) and Azure's own words; Unavailable where it could not be reached, or failed.
  [[nodiscard]] Result<boost::json::object> send(const Call& call);
  // All pages of a list. A next page on another host is refused: the token is not sent there.
  [[nodiscard]] Result<boost::json::array> list(Call call);
  // Of the last answer; 0 before the first.
  [[nodiscard]] unsigned last_status() const { return last_status_; }

 private:
  Tools tools_;
  std::string tenant_;
  std::string resource_;
  Observer observer_;
  unsigned last_status_ = 0;
};

}  // namespace latchkey::clouds::azure::customer
