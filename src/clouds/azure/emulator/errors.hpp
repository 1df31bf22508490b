// How the emulated services refuse. A refusal is a value until the service that owns the request renders it: the same
// "not allowed" has one body at Key Vault, another at Resource Manager, a third at Graph.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <boost/json/value.hpp>

#include "base/result.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

struct Refusal {
  unsigned status = 500;
  std::string code = {};        // "Forbidden"
  std::string message = {};     // the service's own words, line breaks and all
  std::string inner_code = {};  // "ForbiddenByRbac"; empty where there is none
  unsigned retry_after = 0;     // seconds; 0: the response does not say
};

template <class T>
using Outcome = Result<T, Refusal>;

// For what the service cannot do because the machine fails (the disk is full).
[[nodiscard]] Refusal refuse_for(const Error& error);

// For a field of a request to the emulator itself: "named_locations: Input should be …".
[[nodiscard]] Error bad_field(std::string_view field, std::string_view wanted);

[[nodiscard]] http::Response json_response(unsigned status, const boost::json::value& body);
[[nodiscard]] http::Response empty_response(unsigned status);
// The form of Key Vault and Resource Manager: {"error":{"code","message","innererror"?}}.
[[nodiscard]] http::Response render(const Refusal& refusal);

}  // namespace latchkey::clouds::azure::emulator
