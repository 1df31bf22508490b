#include "store/sql/cells.hpp"

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/json.hpp>

namespace latchkey::store {

namespace json = boost::json;

void Cells<std::map<std::string, std::string>>::bind(Statement& statement,
                                                     const std::map<std::string, std::string>& tags) {
  json::object object;
  for (const auto& [key, tag] : tags) object.emplace(key, tag);
  statement.bind(json::serialize(object));
}

std::map<std::string, std::string> Cells<std::map<std::string, std::string>>::read(Row& row) {
  std::map<std::string, std::string> tags;
  // Texts must come back unchanged, whatever bytes they have.
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  boost::system::error_code failed;
  auto value = json::parse(row.text(), failed, {}, options);
  const auto* object = failed ? nullptr : value.if_object();
  if (object == nullptr) {
    row.mark_damaged();
    return tags;
  }
  for (const auto& [key, tag] : *object) {
    if (const auto* text = tag.if_string()) {
      tags.emplace(key, *text);
    } else {
      row.mark_damaged();
    }
  }
  return tags;
}

void Cells<std::vector<std::string>>::bind(Statement& statement, const std::vector<std::string>& events) {
  statement.bind(boost::join(events, ","));
}

std::vector<std::string> Cells<std::vector<std::string>>::read(Row& row) {
  std::vector<std::string> events;
  auto text = row.text();
  if (!text.empty()) boost::split(events, text, boost::is_any_of(","));
  return events;
}

void Cells<WrappedSecret>::bind(Statement& statement, const WrappedSecret& secret) {
  statement.bind(secret.key_version);
  statement.bind(secret.wrapped);
}

WrappedSecret Cells<WrappedSecret>::read(Row& row) {
  // The braces fix the order of evaluation.
  return {.key_version = row.text(), .wrapped = row.bytes()};
}

void Cells<std::optional<ExpiringSecret>>::bind(Statement& statement, const std::optional<ExpiringSecret>& secret) {
  if (secret) {
    Cells<WrappedSecret>::bind(statement, secret->secret);
    statement.bind(secret->expires_at);
    return;
  }
  for (std::size_t i = 0; i < kCount; ++i) statement.bind(std::nullopt);
}

std::optional<ExpiringSecret> Cells<std::optional<ExpiringSecret>>::read(Row& row) {
  auto key_version = Cells<std::optional<std::string>>::read(row);
  auto wrapped = Cells<std::optional<Bytes>>::read(row);
  auto expires_at = Cells<std::optional<Timestamp>>::read(row);
  bool whole = key_version && wrapped && expires_at;
  if (!whole && (key_version || wrapped || expires_at)) row.mark_damaged();
  if (!whole) return std::nullopt;
  return ExpiringSecret{{std::move(*key_version), std::move(*wrapped)}, *expires_at};
}

}  // namespace latchkey::store
