// Reads the fields of one JSON object that we have written ourselves. It keeps the first complaint, with its path, for
// the end, so that the code that reads a tree of structs stays a list of fields.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

namespace latchkey::clouds::azure::emulator {

class JsonReader {
 public:
  JsonReader(const boost::json::object& object, std::string path, std::string& complaint)
      : object_(object), path_(std::move(path)), complaint_(complaint) {}

  [[nodiscard]] std::string text(std::string_view name) const {
    const auto* value = find(name, boost::json::kind::string, "a text");
    return value == nullptr ? std::string() : std::string(value->get_string());
  }
  [[nodiscard]] bool flag(std::string_view name) const {
    const auto* value = find(name, boost::json::kind::bool_, "true or false");
    return value != nullptr && value->get_bool();
  }
  [[nodiscard]] std::int64_t number(std::string_view name) const {
    const auto* value = find(name, boost::json::kind::int64, "a whole number");
    return value == nullptr ? 0 : value->get_int64();
  }
  [[nodiscard]] std::optional<std::int64_t> maybe_number(std::string_view name) const {
    if (object_.if_contains(name) == nullptr) return std::nullopt;
    return number(name);
  }
  [[nodiscard]] boost::json::object object(std::string_view name) const {
    const auto* value = find(name, boost::json::kind::object, "an object");
    return value == nullptr ? boost::json::object() : value->get_object();
  }
  [[nodiscard]] boost::json::array array(std::string_view name) const {
    const auto* value = find(name, boost::json::kind::array, "a list");
    return value == nullptr ? boost::json::array() : value->get_array();
  }
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const {
    std::vector<std::string> result;
    for (const auto& item : array(name)) {
      if (!item.is_string()) {
        complain(name, "a list of texts");
        break;
      }
      result.emplace_back(item.get_string());
    }
    return result;
  }
  // Calls `read(JsonReader)` for each object of the list.
  template <class Read>
  void each(std::string_view name, Read read) const {
    std::size_t index = 0;
    for (const auto& item : array(name)) {
      if (!item.is_object()) {
        complain(name, "a list of objects");
        return;
      }
      read(JsonReader(item.get_object(), fmt::format("{}{}[{}].", path_, name, index++), complaint_));
    }
  }
  template <class Read>
  void within(std::string_view name, Read read) const {
    const auto* value = find(name, boost::json::kind::object, "an object");
    if (value != nullptr) read(JsonReader(value->get_object(), fmt::format("{}{}.", path_, name), complaint_));
  }
  [[nodiscard]] bool has(std::string_view name) const { return object_.if_contains(name) != nullptr; }
  void complain(std::string_view name, std::string_view wanted) const {
    if (complaint_.empty()) complaint_ = fmt::format("{}{} is not {}", path_, name, wanted);
  }

 private:
  const boost::json::value* find(std::string_view name, boost::json::kind kind, std::string_view wanted) const {
    const auto* value = object_.if_contains(name);
    if (value == nullptr || value->kind() != kind) {
      complain(name, wanted);
      return nullptr;
    }
    return value;
  }

  const boost::json::object& object_;
  std::string path_;
  std::string& complaint_;
};

}  // namespace latchkey::clouds::azure::emulator
