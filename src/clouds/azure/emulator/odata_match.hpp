// Selects the records that match a $filter. A record is a flat JSON object; a schema says by which of its fields a
// filter may select, and how. A filter is checked against the schema before it meets a record: so a service refuses a
// filter that it does not support even where there is nothing to list, and never responds with an empty list instead.
// Pure.
#pragma once

#include <span>

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/odata_filter.hpp"

namespace latchkey::clouds::azure::emulator::odata {

enum class FieldType {
  Text,      // 'quoted', or null
  Guid,      // quoted or bare
  Flag,      // true, false
  Time,      // bare RFC 3339
  TextList,  // by any() alone
  Other,     // shown, and never filtered by
};

// What a filter may do with a field, one bit each.
enum Ability : unsigned {
  kEq = 1U << 0U,
  kNe = 1U << 1U,
  kOrdered = 1U << 2U,  // gt, ge, lt, le
  kIn = 1U << 3U,
  kStartsWith = 1U << 4U,
  kEndsWith = 1U << 5U,
  kContains = 1U << 6U,
  kNull = 1U << 7U,      // eq null, ne null
  kSortable = 1U << 8U,  // $orderby
};

struct Field {
  std::string_view name;  // as shown; requests may write it in any case
  FieldType type = FieldType::Text;
  unsigned abilities = kEq;
};
using Schema = std::span<const Field>;

[[nodiscard]] const Field* find_field(Schema schema, std::string_view name);

struct MatchError {
  enum class What {
    UnknownProperty,
    UnsupportedOperator,  // not of this property
    WrongLiteral,         // of another type than the property
    UnknownCall,
  };
  What what = What::UnknownProperty;
  std::string name;  // of the property, or of the call
};

// Refuses calls, too, such as atScope(): a service that knows one takes it out first.
[[nodiscard]] Result<void, MatchError> check_filter(const Filter& filter, Schema schema);

// The filter must have been checked against the schema. Texts are equal in any ASCII case.
[[nodiscard]] bool lets_through(const Filter& filter, Schema schema, const boost::json::object& record);

// Which operators a filter uses anywhere: for some of them a service demands more of its client.
struct Usage {
  bool not_equal = false;
  bool negation = false;
  bool ends_with = false;
  std::size_t most_alternatives = 0;  // terms of the widest "or"
};
[[nodiscard]] Usage usage_of(const Filter& filter);

}  // namespace latchkey::clouds::azure::emulator::odata
