#include "emulator/azure/filter.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "emulator/azure/text.hpp"

namespace latchkey::emulator::azure {

namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// 'it''s' or a bare word.
std::string unquoted(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return std::string(text);
  text = text.substr(1, text.size() - 2);
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    value += text[i];
    if (text[i] == '\'' && i + 1 < text.size() && text[i + 1] == '\'') ++i;
  }
  return value;
}

// Cuts at " and " outside quotes.
std::vector<std::string_view> split_clauses(std::string_view text) {
  constexpr std::string_view kAnd = " and ";
  std::vector<std::string_view> clauses;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') quoted = !quoted;
    if (!quoted && begins_with(text.substr(i), kAnd)) {
      clauses.push_back(trimmed(text.substr(begin, i - begin)));
      begin = i + kAnd.size();
      i = begin - 1;
    }
  }
  clauses.push_back(trimmed(text.substr(begin)));
  return clauses;
}

std::optional<FilterClause> parse_equals(std::string_view text, FilterKind kind) {
  constexpr std::string_view kEquals = " eq ";
  for (std::size_t i = 0; i < text.size() && text[i] != '\''; ++i) {
    if (begins_with(text.substr(i), kEquals)) {
      return FilterClause{kind, lower(trimmed(text.substr(0, i))), unquoted(text.substr(i + kEquals.size()))};
    }
  }
  return std::nullopt;
}

std::optional<FilterClause> parse_clause(std::string_view text) {
  auto open = text.find('(');
  auto quote = text.find('\'');
  if (open == std::string_view::npos || quote < open) return parse_equals(text, FilterKind::Equals);
  if (!text.ends_with(')')) return std::nullopt;
  auto name = trimmed(text.substr(0, open));
  auto inside = trimmed(text.substr(open + 1, text.size() - open - 2));
  if (same(name, "startswith")) {
    auto comma = inside.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    return FilterClause{FilterKind::StartsWith, lower(trimmed(inside.substr(0, comma))),
                        unquoted(inside.substr(comma + 1))};
  }
  constexpr std::string_view kAny = "/any";
  if (boost::algorithm::iends_with(name, kAny)) {
    auto colon = inside.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto clause = parse_equals(inside.substr(colon + 1), FilterKind::Contains);
    if (clause) clause->field = lower(name.substr(0, name.size() - kAny.size()));
    return clause;
  }
  return FilterClause{FilterKind::Call, lower(name), unquoted(inside)};
}

}  // namespace

std::optional<std::vector<FilterClause>> parse_filter(std::string_view text) {
  std::vector<FilterClause> clauses;
  if (trimmed(text).empty()) return clauses;
  for (auto part : split_clauses(text)) {
    auto clause = parse_clause(part);
    if (!clause) return std::nullopt;
    clauses.push_back(std::move(*clause));
  }
  return clauses;
}

bool passes(const FilterClause& clause, std::string_view value) {
  return clause.kind == FilterKind::StartsWith ? begins_with(value, clause.value) : same(value, clause.value);
}

}  // namespace latchkey::emulator::azure
