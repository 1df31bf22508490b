// Makes texts from Azure's responses fit for our messages. They are strangers' bytes, so we bound them and replace
// control characters.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "http/client.hpp"

namespace latchkey::clouds::azure {

// Turns control characters and runs of white space into one space, and bytes outside ASCII into '?'. Cuts the text
// after `longest` characters.
[[nodiscard]] std::string shown_text(std::string_view text, std::size_t longest);
// Returns a string member; empty where it is missing or of another type.
[[nodiscard]] std::string text_field(const boost::json::object& object, std::string_view name);
// "x-ms-request-id: ...", for Error::request_id; empty where the response has none.
[[nodiscard]] std::string request_id_of(const http::ClientResponse& response);

}  // namespace latchkey::clouds::azure
