// The "$" options of Graph's lists. An option that is not understood is refused: a client that receives 400 can be
// corrected, but one that receives every item, or none, cannot know that its option was ignored.
#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "clouds/azure/emulator/graph/graph.hpp"

namespace latchkey::clouds::azure::emulator::graph {

namespace json = boost::json;

namespace {

constexpr std::size_t kPage = 100;
constexpr std::size_t kMostAlternatives = 15;
constexpr std::string_view kHelp = "Refer to https://aka.ms/graph-docs/advanced-queries for more information";

struct ListOptions {
  std::optional<odata::Filter> filter;
  std::vector<const odata::Field*> select;  // empty: all
  std::size_t top = kPage;
  const odata::Field* order = nullptr;
  bool descending = false;
  bool count = false;
  bool eventual = false;  // the header ConsistencyLevel
  std::string after;      // the id of the last item of the page before
};

Refusal invalid(std::string message) {
  return {400, "BadRequest", std::move(message)};
}

Refusal unsupported(std::string message) {
  return {400, "Request_UnsupportedQuery", std::move(message)};
}

// The options by name, without "$", which Graph does not require. Other parameters are ignored.
Outcome<std::map<std::string, std::string>> options_of(const http::Request& request,
                                                       std::initializer_list<std::string_view> understood) {
  std::map<std::string, std::string> options;
  for (const auto& [name, value] : request.query) {
    bool has_dollar = name.starts_with('$');
    auto bare = lower(has_dollar ? std::string_view(name).substr(1) : std::string_view(name));
    bool is_known = std::find(understood.begin(), understood.end(), bare) != understood.end();
    if (!is_known && !has_dollar) continue;
    if (!is_known && bare == "search") {
      return unsupported("The emulator does not evaluate $search. Ask with $filter=startswith(displayName,'...').");
    }
    if (!is_known) {
      return invalid(fmt::format("The query parameter '{}' is not supported.", json_fields::clean_text(name)));
    }
    if (!options.emplace(bare, value).second) {
      return invalid(
          fmt::format("Query option '${}' was specified more than once, but it must be specified at most once.", bare));
    }
  }
  return options;
}

Refusal refusal_of(const odata::MatchError& error, const Collection& collection) {
  using What = odata::MatchError::What;
  auto name = json_fields::clean_text(error.name);
  switch (error.what) {
    case What::UnknownProperty:
      return invalid(
          fmt::format("Invalid filter clause: Could not find a property named '{}' on type "
                      "'microsoft.graph.{}'.",
                      name, collection.type));
    case What::UnsupportedOperator: {
      std::string resource(collection.type);
      resource.front() = upper(resource.substr(0, 1)).front();
      return unsupported(fmt::format(
          "Unsupported or invalid query filter clause specified for property '{}' of resource '{}'.", name, resource));
    }
    case What::WrongLiteral:
      return invalid(
          fmt::format("Invalid filter clause: A binary operator with incompatible types was detected, at the "
                      "property '{}'.",
                      name));
    case What::UnknownCall:
      return invalid(fmt::format("Invalid filter clause: An unknown function with name '{}' was found.", name));
  }
  return invalid("Invalid filter clause");
}

// Graph accepts some operators only from clients that accept an index that is not up to date.
Outcome<void> check_usage(const odata::Filter& filter, bool is_advanced) {
  auto usage = odata::usage_of(filter);
  if (usage.most_alternatives > kMostAlternatives) {
    return unsupported(
        fmt::format("Too many child clauses specified in search filter expression containing 'OR' "
                    "operators: {}. Max allowed: {}.",
                    usage.most_alternatives, kMostAlternatives));
  }
  if (is_advanced) return success();
  for (auto [used, name] : {std::pair(usage.not_equal, "NotEqualsMatch"), std::pair(usage.negation, "Not"),
                            std::pair(usage.ends_with, "endsWith")}) {
    if (!used) continue;
    return unsupported(
        fmt::format("Operator '{}' is not supported because the required parameters might be missing. "
                    "Try adding $count=true query parameter and ConsistencyLevel:eventual header. {}",
                    name, kHelp));
  }
  return success();
}

Outcome<odata::Filter> read_filter(const std::string& text, const Collection& collection, bool is_advanced) {
  auto parsed = odata::parse_filter(text);
  if (!parsed) return invalid("Invalid filter clause: " + parsed.error().message);
  auto checked = odata::check_filter(parsed.value(), collection.schema);
  if (!checked) return refusal_of(checked.error(), collection);
  LATCHKEY_TRYV(check_usage(parsed.value(), is_advanced));
  return std::move(parsed.value());
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Outcome<std::vector<const odata::Field*>> read_select(std::string_view text, const Collection& collection) {
  std::vector<const odata::Field*> fields;
  while (!trimmed(text).empty()) {
    auto comma = std::min(text.find(','), text.size());
    auto name = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (name == "*") return std::vector<const odata::Field*>();
    const auto* field = odata::find_field(collection.schema, name);
    if (field == nullptr) {
      return invalid(
          fmt::format("Parsing OData Select and Expand failed: Could not find a property named '{}' on type "
                      "'microsoft.graph.{}'.",
                      json_fields::clean_text(name), collection.type));
    }
    fields.push_back(field);
  }
  return fields;
}

Outcome<std::size_t> read_top(const std::string& text) {
  constexpr std::size_t kMost = 999;
  std::size_t top = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), top);
  if (failed == std::errc() && end == text.data() + text.size() && top >= 1 && top <= kMost) return top;
  return unsupported(fmt::format("Invalid page size specified: '{}'. Must be between 1 and {} inclusive.",
                                 json_fields::clean_text(text), kMost));
}

Outcome<void> read_order(std::string_view text, const Collection& collection, ListOptions& options) {
  text = trimmed(text);
  auto space = std::min(text.find(' '), text.size());
  auto direction = trimmed(text.substr(space));
  options.descending = same(direction, "desc");
  options.order = odata::find_field(collection.schema, text.substr(0, space));
  bool is_read = options.descending || direction.empty() || same(direction, "asc");
  bool is_sortable = options.order != nullptr && (options.order->abilities & odata::kSortable) != 0;
  if (is_read && is_sortable) return success();
  return unsupported("Sorting not supported for current query.");
}

Outcome<ListOptions> read_list_options(const Call& call, const Collection& collection) {
  LATCHKEY_TRY(auto given, options_of(call.request, {"filter", "select", "top", "orderby", "count", "skiptoken"}));
  ListOptions options;
  options.eventual = same(call.request.headers.get("consistencylevel"), "eventual");
  options.count = same(given["count"], "true");
  if (!given["count"].empty() && !options.count && !same(given["count"], "false")) {
    return invalid(fmt::format("Invalid value '{}' for $count query option found. Valid values are 'true' and 'false'.",
                               json_fields::clean_text(given["count"])));
  }
  bool is_advanced = options.eventual && options.count;
  if (const auto& text = given["filter"]; !text.empty()) {
    LATCHKEY_TRY(auto filter, read_filter(text, collection, is_advanced));
    options.filter = std::move(filter);
  }
  LATCHKEY_TRY(options.select, read_select(given["select"], collection));
  if (given.contains("top")) {
    LATCHKEY_TRY(options.top, read_top(given["top"]));
  }
  if (const auto& text = given["orderby"]; !text.empty()) {
    LATCHKEY_TRYV(read_order(text, collection, options));
    if (options.filter && !is_advanced) return unsupported("Sorting not supported for current query.");
  }
  if (const auto& token = given["skiptoken"]; !token.empty()) {
    auto decoded = base64url_decode(token);
    if (!decoded) return unsupported("Invalid $skiptoken.");
    options.after = as_text(decoded.value());
  }
  return options;
}

// The items that match the filter.
json::array sifted(const ListOptions& options, const Collection& collection, json::array items) {
  if (!options.filter) return items;
  json::array passed;
  for (auto& item : items) {
    if (odata::lets_through(*options.filter, collection.schema, item.get_object())) passed.push_back(std::move(item));
  }
  return passed;
}

std::string sort_text(const json::value& item, std::string_view name) {
  const auto* value = item.get_object().if_contains(name);
  return value != nullptr && value->is_string() ? lower(std::string_view(value->get_string())) : std::string();
}

json::object selected(const std::vector<const odata::Field*>& select, const json::object& item) {
  if (select.empty()) return item;
  json::object shown;
  for (const auto* field : select) {
    const auto* value = item.if_contains(field->name);
    shown[field->name] = value == nullptr ? json::value() : *value;
  }
  return shown;
}

std::string origin_of(const http::Request& request) {
  return "https://" + (is_local_authority(request.host) ? request.host : std::string("graph.microsoft.com"));
}

// The same request with another token.
std::string next_link(const http::Request& request, std::string_view last_id) {
  auto link = origin_of(request) + request.path + "?";
  for (const auto& [name, value] : request.query) {
    if (!same(name, "$skiptoken") && !same(name, "skiptoken")) {
      link += fmt::format("{}={}&", name.starts_with('$') ? "$" + percent_encode(name.substr(1)) : percent_encode(name),
                          percent_encode(value));
    }
  }
  return link + "$skiptoken=" + base64url_encode(as_bytes(last_id));
}

std::string context_of(const Collection& collection, const std::vector<const odata::Field*>& select) {
  std::string names;
  for (const auto* field : select) names += fmt::format("{}{}", names.empty() ? "" : ",", field->name);
  return names.empty() ? std::string(collection.name) : fmt::format("{}({})", collection.name, names);
}

}  // namespace

json::object wrap_list(const http::Request& request, std::string_view context, json::array items) {
  return {{"@odata.context", fmt::format("{}/v1.0/$metadata#{}", origin_of(request), context)},
          {"value", std::move(items)}};
}

Outcome<http::Response> list_response(const Call& call, const Collection& collection, json::array items) {
  LATCHKEY_TRY(auto options, read_list_options(call, collection));
  items = sifted(options, collection, std::move(items));
  if (options.order != nullptr) {
    std::stable_sort(items.begin(), items.end(), [&](const json::value& a, const json::value& b) {
      const auto& first = options.descending ? b : a;
      const auto& second = options.descending ? a : b;
      return sort_text(first, options.order->name) < sort_text(second, options.order->name);
    });
  }
  auto begin = items.begin();
  if (!options.after.empty()) {
    begin = std::find_if(items.begin(), items.end(),
                         [&](const json::value& item) { return text_of(item.get_object(), "id") == options.after; });
    if (begin == items.end()) {
      return Refusal{400, "Directory_ExpiredPageToken",
                     "The specified page token value has expired and can no longer be included in your request."};
    }
    ++begin;
  }
  auto size = std::min(options.top, static_cast<std::size_t>(items.end() - begin));
  auto end = begin + static_cast<std::ptrdiff_t>(size);
  json::array page;
  for (auto item = begin; item != end; ++item) page.push_back(selected(options.select, item->get_object()));
  auto body = wrap_list(call.request, context_of(collection, options.select), std::move(page));
  // Without the header Graph accepts the option and ignores it.
  if (options.count && options.eventual) body["@odata.count"] = items.size();
  if (end != items.end()) body["@odata.nextLink"] = next_link(call.request, text_of((end - 1)->get_object(), "id"));
  return json_response(200, body);
}

Outcome<http::Response> count_response(const Call& call, const Collection& collection, const json::array& items) {
  LATCHKEY_TRY(auto given, options_of(call.request, {"filter", "count"}));
  if (!same(call.request.headers.get("consistencylevel"), "eventual")) {
    return bad_request("$count is not currently supported.");
  }
  ListOptions options;
  if (const auto& text = given["filter"]; !text.empty()) {
    LATCHKEY_TRY(auto filter, read_filter(text, collection, true));
    options.filter = std::move(filter);
  }
  auto response = json_response(200, nullptr);
  response.headers.set("content-type", "text/plain");
  response.body = std::to_string(sifted(options, collection, items).size());
  return response;
}

Outcome<http::Response> item_response(const Call& call, const Collection& collection, const json::object& item) {
  LATCHKEY_TRY(auto given, options_of(call.request, {"select"}));
  LATCHKEY_TRY(auto select, read_select(given["select"], collection));
  return json_response(200, selected(select, item));
}

}  // namespace latchkey::clouds::azure::emulator::graph
