#include "clouds/azure/emulator/control/audit_filter.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "clouds/azure/emulator/errors.hpp"
#include "clouds/azure/emulator/text.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostLines = 1'000'000;

Result<std::size_t> read_count(std::string_view text) {
  std::size_t count = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  bool is_whole = failed == std::errc() && end == text.data() + text.size();
  if (is_whole && count >= 1 && count <= kMostLines) return count;
  return bad_field("last", fmt::format("Input should be a whole number from 1 to {}", kMostLines));
}

std::string_view text_at(const json::value& line, std::string_view pointer) {
  boost::system::error_code none;
  const auto* value = line.find_pointer(pointer, none);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::optional<Timestamp> time_of(const json::value& line) {
  auto time = parse_timestamp(text_at(line, "/time"));
  if (!time) return std::nullopt;
  return time.value();
}

// The path's second segment: ".../keys/{name}/{version}", ".../deletedkeys/{name}".
std::string_view key_of(std::string_view id) {
  constexpr std::string_view kKeys = "keys/";
  auto begin = id.find(kKeys);
  if (begin == std::string_view::npos) return {};
  auto name = id.substr(begin + kKeys.size());
  return name.substr(0, name.find('/'));
}

bool lets_through(const AuditFilter& filter, std::string_view text) {
  boost::system::error_code failed;
  auto line = json::parse(text, failed);
  if (failed) return false;
  if (filter.operation && !same(text_at(line, "/operationName"), *filter.operation)) return false;
  if (filter.succeeded && (text_at(line, "/resultType") == "Success") != *filter.succeeded) return false;
  if (filter.app_id && !same(text_at(line, "/identity/claim/appid"), *filter.app_id)) return false;
  if (filter.key && !same(key_of(text_at(line, "/properties/id")), *filter.key)) return false;
  if (!filter.since) return true;
  auto time = time_of(line);
  return time && *time >= *filter.since;
}

}  // namespace

Result<AuditFilter> audit_filter_from_query(const http::QueryParameters& query) {
  AuditFilter filter;
  for (const auto& [name, value] : query) {
    if (name == "vault") continue;
    if (name == "operation") {
      filter.operation = value;
    } else if (name == "app_id") {
      filter.app_id = value;
    } else if (name == "key") {
      filter.key = value;
    } else if (name == "result") {
      if (value != "success" && value != "failure") return bad_field(name, "Input should be 'success' or 'failure'");
      filter.succeeded = value == "success";
    } else if (name == "since") {
      auto time = parse_timestamp(value);
      if (!time) return bad_field(name, "Input should be an RFC 3339 time, 2027-01-31T00:00:00Z");
      filter.since = time.value();
    } else if (name == "last") {
      LATCHKEY_TRY(filter.last, read_count(value));
    } else {
      return bad_field(name,
                       "There is no such filter; there are vault, operation, result, app_id, key, since and last");
    }
  }
  return filter;
}

std::string filter_audit(std::string_view log, const AuditFilter& filter) {
  std::vector<std::string_view> lines;
  while (!log.empty()) {
    auto end = std::min(log.find('\n'), log.size());
    auto line = log.substr(0, end);
    log.remove_prefix(std::min(end + 1, log.size()));
    if (!line.empty() && lets_through(filter, line)) lines.push_back(line);
  }
  auto skipped = filter.last ? lines.size() - std::min(lines.size(), *filter.last) : 0;
  std::string passed;
  for (std::size_t i = skipped; i < lines.size(); ++i) passed.append(lines[i]).push_back('\n');
  return passed;
}

}  // namespace latchkey::clouds::azure::emulator
