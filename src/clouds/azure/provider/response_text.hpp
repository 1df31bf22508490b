// Texts out of Azure's answers, made fit for our messages: strangers' bytes, so bounded and free of control characters.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "http/client.hpp"

namespace latchkey::clouds::azure {

// Control characters and runs of white space become one space, bytes outside ASCII '?'; cut behind `longest`
// characters.
[[nodiscard]] std::string shown_text(std::string_view text, std::size_t longest);
// A string member; empty where missing or of another type.
[[nodiscard]] std::string text_field(const boost::json::object& object, std::string_view name);
// "x-ms-request-id: ...", for Error::request_id; empty where the answer bears none.
[[nodiscard]] std::string request_id_of(const http::ClientResponse& response);

}  // namespace latchkey::clouds::azure
