#include "clouds/azure/emulator/errors.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

Refusal refuse_for(const Error& error) {
  spdlog::error("the Azure emulator failed: {}", describe(error));
  return Refusal{error.code == ErrorCode::Unavailable ? 503U : 500U,
                 error.code == ErrorCode::Unavailable ? "ServiceUnavailable" : "InternalServerError", error.message()};
}

Error bad_field(std::string_view field, std::string_view wanted) {
  return Error{ErrorCode::Invalid, fmt::format("{}: {}", field, wanted)};
}

http::Response json_response(unsigned status, const json::value& body) {
  http::Response response;
  response.status = status;
  response.headers.set("content-type", "application/json; charset=utf-8");
  response.body = json::serialize(body);
  return response;
}

http::Response empty_response(unsigned status) {
  http::Response response;
  response.status = status;
  return response;
}

http::Response render(const Refusal& refusal) {
  json::object error{{"code", refusal.code}, {"message", refusal.message}};
  if (!refusal.inner_code.empty()) error["innererror"] = json::object{{"code", refusal.inner_code}};
  auto response = json_response(refusal.status, json::object{{"error", std::move(error)}});
  if (refusal.retry_after != 0) response.headers.set("retry-after", std::to_string(refusal.retry_after));
  return response;
}

}  // namespace latchkey::clouds::azure::emulator
