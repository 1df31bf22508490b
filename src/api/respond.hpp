// Responses, and JSON that several handlers share.
#pragma once

#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "http/message.hpp"

namespace latchkey::api {

[[nodiscard]] http::Response json_response(const boost::json::object& body, unsigned status = 200);
[[nodiscard]] http::Response json_text_response(std::string body);
[[nodiscard]] boost::json::value text_or_null(const std::optional<std::string>& text);

// For a call that takes no body: Invalid unless it is empty or {}.
[[nodiscard]] Result<void> refuse_body(std::string_view body);
// Refuses a user_profile_id other than null: there are no user profiles yet.
[[nodiscard]] Result<void> refuse_user_profile(const boost::json::object& body);

}  // namespace latchkey::api
