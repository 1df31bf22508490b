// The corner of OData's $filter that Azure's tools use: clauses joined by "and". Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace latchkey::emulator::azure {

enum class FilterKind {
  Equals,      // field eq 'value'
  StartsWith,  // startswith(field,'value')
  Contains,    // field/any(x:x eq 'value')
  Call,        // atScope(), assignedTo('value')
};

struct FilterClause {
  FilterKind kind = FilterKind::Equals;
  std::string field;  // lower case
  std::string value;
};

// Absent where the text is something else. An empty text has no clauses.
[[nodiscard]] std::optional<std::vector<FilterClause>> parse_filter(std::string_view text);

// Whether a text of that field, or one of several, passes the clause.
[[nodiscard]] bool passes(const FilterClause& clause, std::string_view value);

}  // namespace latchkey::emulator::azure
