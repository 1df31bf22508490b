// Reads untrusted JSON strictly: one pass over the known fields. Each error names the path of its field in the wording
// of the API contract: "<path>: Extra inputs are not permitted", "<path>: Field required". Pure functions; safe from
// any thread.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/result.hpp"

namespace latchkey::json_fields {

// Parses a JSON object. Invalid for anything else, duplicate keys, nesting above 32, or text that is not UTF-8. An
// empty body is an empty object where `allow_empty`. Every copy of the text that parsing makes lives in `storage`: for
// a secret text, pass a storage that wipes what it frees.
[[nodiscard]] Result<boost::json::object> parse_object(std::string_view body, bool allow_empty = false,
                                                       const boost::json::storage_ptr& storage = {});

// "parent.name", or "name" at the top.
[[nodiscard]] std::string join_path(std::string_view parent, std::string_view name);

// Invalid where the object has a field that is not in `known`.
[[nodiscard]] Result<void> refuse_unknown(const boost::json::object& object, std::string_view path,
                                          std::initializer_list<std::string_view> known);

struct TextLimits {
  std::size_t min = 0;  // in Unicode code points
  std::size_t max = 255;
};
// Reads a string of `limits` without U+0000, at which databases and C programs cut texts off; Invalid otherwise. `path`
// is the path of the string itself.
[[nodiscard]] Result<std::string> read_text(const boost::json::value& value, std::string_view path, TextLimits limits);
// Reads a field that must be a string. Invalid where it is missing, null, of another type, or out of its limits.
[[nodiscard]] Result<std::string> required_text(const boost::json::object& object, std::string_view path,
                                                std::string_view name, TextLimits limits);
// As required_text, but absent where the field is missing. Null is Invalid.
[[nodiscard]] Result<std::optional<std::string>> optional_text(const boost::json::object& object, std::string_view path,
                                                               std::string_view name, TextLimits limits);
// As required_text, but absent where the field is missing or null.
[[nodiscard]] Result<std::optional<std::string>> nullable_text(const boost::json::object& object, std::string_view path,
                                                               std::string_view name, TextLimits limits);

// Makes an untrusted text safe to store, log and send back in JSON: at most `max` bytes of valid UTF-8, with U+FFFD in
// place of invalid bytes and control characters.
[[nodiscard]] std::string clean_text(std::string_view text, std::size_t max = 64);

}  // namespace latchkey::json_fields
