#include "base/json_fields.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <fmt/format.h>

#include "base/utf8.hpp"

namespace latchkey::json_fields {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxDepth = 32;

Error invalid(std::string message) {
  return Error{ErrorCode::Invalid, std::move(message)};
}

// The handler of Boost.JSON's basic_parser. It builds the value and tracks the keys of each open object: Boost keeps
// the last of two equal keys, and an attacker can exploit two programs that read different ones.
class Builder {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the parser asks for these names.
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();
  // NOLINTEND(readability-identifier-naming)

  explicit Builder(const json::storage_ptr& storage) : stack_(storage) { stack_.reset(storage); }

  json::value release() { return stack_.release(); }
  const std::string& duplicate() const { return duplicate_; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t size, json::error_code&) {
    keys_.pop_back();
    stack_.push_object(size);
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t size, json::error_code&) {
    stack_.push_array(size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code& error) {
    key_.append(part.data(), part.size());
    stack_.push_key(part);
    if (!keys_.back().insert(key_).second) {
      duplicate_ = key_;
      error = json::error::not_exact;
      return false;
    }
    key_.clear();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, json::string_view, json::error_code&) {
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool value, json::error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(json::error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  json::value_stack stack_;
  std::vector<std::set<std::string, std::less<>>> keys_;
  std::string key_;
  std::string duplicate_;
};

std::string_view plural(std::size_t count) {
  return count == 1 ? "" : "s";
}

}  // namespace

Result<json::object> parse_object(std::string_view body, bool allow_empty, const json::storage_ptr& storage) {
  if (body.empty() && allow_empty) return json::object();
  if (body.empty()) return invalid("The request body is empty. Send a JSON object.");
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<Builder> parser(options, storage);
  json::error_code error;
  auto consumed = parser.write_some(false, body.data(), body.size(), error);
  if (const auto& name = parser.handler().duplicate(); !name.empty() || error == json::error::not_exact) {
    return invalid(fmt::format("{}: Field given twice", clean_text(name)));
  }
  if (!error && consumed < body.size()) error = json::error::extra_data;
  if (error) {
    return invalid(fmt::format("The request body is not valid JSON: {} at byte {}. Send one JSON object in UTF-8.",
                               error.message(), consumed));
  }
  auto value = parser.handler().release();
  if (!value.is_object()) return invalid("The request body is JSON but not an object. Send a JSON object.");
  return std::move(value.get_object());
}

std::string join_path(std::string_view parent, std::string_view name) {
  return parent.empty() ? std::string(name) : fmt::format("{}.{}", parent, name);
}

Result<void> refuse_unknown(const json::object& object, std::string_view path,
                            std::initializer_list<std::string_view> known) {
  for (const auto& field : object) {
    std::string_view name(field.key().data(), field.key().size());
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return invalid(fmt::format("{}: Extra inputs are not permitted", join_path(path, clean_text(name))));
    }
  }
  return success();
}

Result<std::string> read_text(const json::value& value, std::string_view path, TextLimits limits) {
  const auto* text = value.if_string();
  if (text == nullptr) return invalid(fmt::format("{}: Input should be a valid string", path));
  std::string_view view(text->data(), text->size());
  auto length = utf8::code_points(view);
  if (length < limits.min) {
    return invalid(fmt::format("{}: String should have at least {} character{}", path, limits.min, plural(limits.min)));
  }
  if (length > limits.max) {
    return invalid(fmt::format("{}: String should have at most {} character{}", path, limits.max, plural(limits.max)));
  }
  if (view.find('\0') != std::string_view::npos) {
    return invalid(fmt::format("{}: String should not contain U+0000", path));
  }
  return std::string(view);
}

Result<std::string> required_text(const json::object& object, std::string_view path, std::string_view name,
                                  TextLimits limits) {
  auto own_path = join_path(path, name);
  const auto* value = object.if_contains(name);
  if (value == nullptr) return invalid(fmt::format("{}: Field required", own_path));
  return read_text(*value, own_path, limits);
}

Result<std::optional<std::string>> optional_text(const json::object& object, std::string_view path,
                                                 std::string_view name, TextLimits limits) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return std::optional<std::string>();
  LATCHKEY_TRY(auto text, read_text(*value, join_path(path, name), limits));
  return std::optional(std::move(text));
}

Result<std::optional<std::string>> nullable_text(const json::object& object, std::string_view path,
                                                 std::string_view name, TextLimits limits) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<std::string>();
  return optional_text(object, path, name, limits);
}

std::string clean_text(std::string_view text, std::size_t max) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  std::string clean;
  while (!text.empty()) {
    auto length = utf8::sequence_length(text);
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    // Some terminals also obey U+0080 to U+009F.
    bool control =
        (length == 1 && (byte(0) < 0x20 || byte(0) == 0x7f)) || (length == 2 && byte(0) == 0xc2 && byte(1) < 0xa0);
    auto piece = length == 0 || control ? kReplacement : text.substr(0, length);
    if (clean.size() + piece.size() > max) break;
    clean += piece;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

}  // namespace latchkey::json_fields
