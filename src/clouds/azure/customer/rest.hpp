// Sends calls to one of Azure's REST APIs: it signs in, retries where that is safe, reads the response, and turns a
// refusal into an Error. Blocking: for command lines.
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
  // True: doing it twice does no harm, so the call is retried after any fault. False: it is retried after a 429 alone.
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
  // Called with every call before it is sent. May be empty.
  using Observer = std::function<void(const Call&)>;

  // The references must outlive it. Tokens are of `tenant` (empty: the one of the sign-in) for `resource`.
  Rest(Tools tools, std::string tenant, std::string resource, Observer observer = {});

  // Returns the response's object. Errors: those of SignIn::token; NotFound, Conflict, PermissionDenied, NetworkBlocked
  // (the vault's firewall), Unauthenticated and Invalid for refusals, each with Azure's code as `reason` (the inner one
  // where there is one) and Azure's own words; Unavailable where the API could not be reached, or failed.
  [[nodiscard]] Result<boost::json::object> send(const Call& call);
  // All pages of a list. It refuses a next page on another host: the token must not be sent there.
  [[nodiscard]] Result<boost::json::array> list(Call call);
  // The status of the last response; 0 before the first.
  [[nodiscard]] unsigned last_status() const { return last_status_; }

 private:
  Tools tools_;
  std::string tenant_;
  std::string resource_;
  Observer observer_;
  unsigned last_status_ = 0;
};

}  // namespace latchkey::clouds::azure::customer
