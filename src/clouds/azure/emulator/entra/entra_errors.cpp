#include "clouds/azure/emulator/entra/entra_errors.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "clouds/azure/emulator/errors.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

EntraRefusal tenant_not_found(std::string_view tenant, std::string_view error) {
  return {90002, 400, std::string(error),
          fmt::format("Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into "
                      "the correct cloud. Check with your subscription administrator, this may happen if there are no "
                      "active subscriptions for the tenant.",
                      tenant)};
}

EntraRefusal missing_parameter(std::string_view name) {
  return {900144, 400, "invalid_request",
          fmt::format("The request body must contain the following parameter: '{}'.", name)};
}

EntraRefusal invalid_client(int number, std::string text) {
  return {number, 401, "invalid_client", std::move(text)};
}

http::Response render(const EntraRefusal& refusal, Seconds now, std::string_view trace_id,
                      std::string_view correlation_id) {
  auto time = entra_time(now);
  auto description = fmt::format("AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}", refusal.number,
                                 refusal.text, trace_id, correlation_id, time);
  auto response = json_response(
      refusal.status,
      json::object{{"error", refusal.error},
                   {"error_description", description},
                   {"error_codes", json::array{refusal.number}},
                   {"timestamp", time},
                   {"trace_id", trace_id},
                   {"correlation_id", correlation_id},
                   {"error_uri", fmt::format("https://login.microsoftonline.com/error?code={}", refusal.number)}});
  return response;
}

}  // namespace latchkey::clouds::azure::emulator
