#include "api/respond.hpp"

#include <boost/json/serialize.hpp>

#include "base/json_fields.hpp"

namespace latchkey::api {

namespace json = boost::json;

http::Response json_response(const json::object& body, unsigned status) {
  auto response = json_text_response(json::serialize(body));
  response.status = status;
  return response;
}

http::Response json_text_response(std::string body) {
  http::Response response;
  response.headers.add("content-type", "application/json");
  response.body = std::move(body);
  return response;
}

json::value text_or_null(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return json::value(*text);
}

Result<void> refuse_body(std::string_view body) {
  LATCHKEY_TRY(auto object, json_fields::parse_object(body, true));
  return json_fields::refuse_unknown(object, "", {});
}

Result<void> refuse_user_profile(const json::object& body) {
  const auto* profile = body.if_contains("user_profile_id");
  if (profile == nullptr || profile->is_null()) return success();
  return Error{ErrorCode::Invalid,
               "user_profile_id: User profiles are not supported by this server. Leave the field out."};
}

}  // namespace latchkey::api
