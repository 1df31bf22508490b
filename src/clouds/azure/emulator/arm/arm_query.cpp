// The "$" options of Resource Manager's lists. Each list has the options that its page documents; any other is refused
// rather than ignored.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "base/utf8.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

struct Options {
  std::vector<std::string_view> path;  // its last segments, "*" standing for any one
  bool is_whole = true;                // otherwise any scope may come before it
  std::vector<std::string_view> names;
};

const std::vector<Options>& documented() {
  static const std::vector<Options> lists = {
      {{"subscriptions", "*", "resources"}, true, {"$filter", "$top", "$expand", "$skiptoken"}},
      {{"subscriptions", "*", "resourceGroups", "*", "resources"}, true, {"$filter", "$top", "$expand", "$skiptoken"}},
      {{"subscriptions", "*", "resourceGroups"}, true, {"$filter", "$top", "$skiptoken"}},
      {{"subscriptions", "*", "providers", "*"}, true, {"$expand"}},
      {{"providers", "Microsoft.KeyVault", "vaults"}, false, {"$top", "$skiptoken"}},
      {{"providers", "Microsoft.KeyVault", "managedHSMs"}, false, {"$top", "$skiptoken"}},
      {{"providers", "Microsoft.Authorization", "roleAssignments"}, false, {"$filter"}},
      {{"providers", "Microsoft.Authorization", "roleDefinitions"}, false, {"$filter"}}};
  return lists;
}

bool is_of(const Options& list, const std::vector<std::string>& path) {
  if (path.size() < list.path.size() || (list.is_whole && path.size() != list.path.size())) return false;
  return std::equal(
      list.path.begin(), list.path.end(), path.end() - static_cast<std::ptrdiff_t>(list.path.size()),
      [](std::string_view wanted, std::string_view segment) { return wanted == "*" || same(wanted, segment); });
}

bool has_option(const Call& call, std::string_view name) {
  return std::any_of(documented().begin(), documented().end(), [&](const Options& list) {
    return is_of(list, call.path) &&
           std::any_of(list.names.begin(), list.names.end(), [&](std::string_view known) { return same(known, name); });
  });
}

std::string option(const Call& call, std::string_view name) {
  for (const auto& [given, value] : call.request.query) {
    if (same(given, name)) return value;
  }
  return {};
}

// A filter names a tag's name and value together, so each tag makes a record of its own.
std::vector<json::object> records_of(const json::object& fields, const json::object& tags) {
  std::vector<json::object> records;
  for (const auto& [name, value] : tags) {
    records.push_back(fields);
    records.back()["tagName"] = name;
    records.back()["tagValue"] = value;
  }
  if (records.empty()) records.push_back(fields);
  return records;
}

// A filter may name a place by either of its names.
void name_locations(odata::Filter& filter) {
  if (auto* junction = std::get_if<odata::Junction>(&filter.node)) {
    for (auto& term : junction->terms) name_locations(term);
  } else if (auto* negation = std::get_if<odata::Negation>(&filter.node)) {
    name_locations(*negation->term);
  } else if (auto* comparison = std::get_if<odata::Comparison>(&filter.node)) {
    auto* place = std::get_if<odata::Quoted>(&comparison->value);
    if (place != nullptr && same(comparison->property, "location")) place->text = location_name(place->text);
  }
}

}  // namespace

std::string location_name(std::string_view text) {
  auto name = lower(text);
  std::erase(name, ' ');
  return json_fields::clean_text(name);
}

Outcome<std::optional<json::object>> read_tags(const json::object& body) {
  constexpr std::size_t kMostTags = 50;
  constexpr std::size_t kLongestName = 512;   // characters
  constexpr std::size_t kLongestValue = 256;  // characters
  constexpr std::string_view kReserved = "<>%&\\?/";
  const auto* tags = body.if_contains("tags");
  if (tags == nullptr || tags->is_null()) return std::optional<json::object>();
  if (!tags->is_object()) return bad_request("The property \"tags\" is invalid or has another type.");
  if (tags->get_object().size() > kMostTags) {
    return Refusal{400, "InvalidTags", fmt::format("A resource has at most {} tags.", kMostTags)};
  }
  for (const auto& [key, value] : tags->get_object()) {
    std::string_view name(key.data(), key.size());
    auto shown = json_fields::clean_text(name);
    if (name.empty() || name.find_first_of(kReserved) != std::string_view::npos) {
      return Refusal{
          400, "InvalidTagNameCharacters",
          fmt::format("The tag name '{}' is empty or has one of the reserved characters '{}'.", shown, kReserved)};
    }
    if (!value.is_string() || utf8::utf16_units(name) > kLongestName ||
        utf8::utf16_units(value.get_string()) > kLongestValue) {
      return Refusal{
          400, "InvalidTags",
          fmt::format("The tag '{}' has a name above {} characters, or a value that is no text or is above {} "
                      "characters.",
                      shown, kLongestName, kLongestValue)};
    }
  }
  return std::optional(tags->get_object());
}

Outcome<void> check_options(const Call& call) {
  if (call.method() != "GET") return success();
  std::vector<std::string> seen;
  for (const auto& [name, value] : call.request.query) {
    if (!name.starts_with('$')) continue;
    auto shown = json_fields::clean_text(name);
    if (!has_option(call, name)) {
      return bad_request(fmt::format("The query option '{}' is not supported for this request.", shown));
    }
    if (std::find(seen.begin(), seen.end(), lower(name)) != seen.end()) {
      return bad_request(fmt::format("The query option '{}' is given more than once.", shown));
    }
    seen.push_back(lower(name));
  }
  return success();
}

Refusal invalid_filter(const Call& call) {
  return {400, "InvalidFilterInQueryString",
          fmt::format("Invalid $filter '{}' specified in the query string.",
                      json_fields::clean_text(option(call, "$filter"), 512))};
}

Refusal unsupported_filter(const Call& call, std::string_view supported) {
  return {400, "UnsupportedQuery",
          fmt::format("The filter '{}' is not supported. {}", json_fields::clean_text(option(call, "$filter"), 512),
                      supported)};
}

Outcome<std::optional<odata::Filter>> parse_filter_of(const Call& call) {
  auto text = option(call, "$filter");
  if (text.find_first_not_of(' ') == std::string::npos) return std::optional<odata::Filter>();
  auto parsed = odata::parse_filter(text);
  if (!parsed) return invalid_filter(call);
  return std::optional(std::move(parsed.value()));
}

Outcome<std::optional<odata::Filter>> read_filter(const Call& call, odata::Schema schema) {
  LATCHKEY_TRY(auto filter, parse_filter_of(call));
  if (!filter) return filter;
  // No page documents "not", and its meaning for one of several tags is unclear.
  bool is_read = odata::check_filter(*filter, schema) && !odata::usage_of(*filter).negation;
  if (!is_read) return invalid_filter(call);
  name_locations(*filter);
  return filter;
}

bool lets_any_through(const std::optional<odata::Filter>& filter, odata::Schema schema, const json::object& fields,
                      const json::object& tags) {
  if (!filter) return true;
  auto records = records_of(fields, tags);
  return std::any_of(records.begin(), records.end(),
                     [&](const json::object& record) { return odata::lets_through(*filter, schema, record); });
}

Outcome<http::Response> list_response(const Call& call, json::array items) {
  auto after = option(call, "$skiptoken");
  std::size_t begin = 0;
  if (!after.empty()) {
    auto decoded = base64url_decode(after);
    auto last = decoded ? std::string(as_text(decoded.value())) : std::string();
    while (begin < items.size() && items[begin].at("id").as_string() != last) ++begin;
    if (begin == items.size()) {
      return Refusal{400, "InvalidSkipToken", "The $skiptoken is not one of this list, or what it stood for is gone."};
    }
    ++begin;
  }
  auto size = items.size() - begin;
  auto top = option(call, "$top");
  if (!top.empty()) {
    std::size_t most = 0;
    auto [end, failed] = std::from_chars(top.data(), top.data() + top.size(), most);
    if (failed != std::errc() || end != top.data() + top.size() || most == 0) {
      return bad_request(
          fmt::format("The value '{}' of $top is not a positive whole number.", json_fields::clean_text(top)));
    }
    size = std::min(size, most);
  }
  json::array page(items.begin() + begin, items.begin() + begin + size);
  json::object body{{"value", std::move(page)}};
  if (begin + size < items.size()) {
    std::string_view last = items[begin + size - 1].at("id").as_string();
    auto host = is_local_authority(call.request.host) ? call.request.host : std::string("management.azure.com");
    auto link = fmt::format("https://{}{}?", host, call.request.path);
    for (const auto& [name, value] : call.request.query) {
      if (same(name, "$skiptoken")) continue;
      link += fmt::format("{}={}&", name.starts_with('$') ? "$" + percent_encode(name.substr(1)) : percent_encode(name),
                          percent_encode(value));
    }
    body["nextLink"] = link + "$skiptoken=" + base64url_encode(as_bytes(last));
  }
  return json_response(200, body);
}

}  // namespace latchkey::clouds::azure::emulator::arm
