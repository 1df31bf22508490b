#include "clouds/azure/emulator/odata_match.hpp"

#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/array.hpp>

#include "clouds/azure/emulator/text.hpp"

namespace latchkey::clouds::azure::emulator::odata {

namespace json = boost::json;

namespace {

using What = MatchError::What;

// Each kind of node has a function of its own in the visitors below; this one chooses it.
template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

unsigned ability_of(Operator how) {
  switch (how) {
    case Operator::Eq:
      return kEq;
    case Operator::Ne:
      return kNe;
    case Operator::Gt:
    case Operator::Ge:
    case Operator::Lt:
    case Operator::Le:
      return kOrdered;
  }
  return 0;
}

unsigned ability_of(TextTest how) {
  switch (how) {
    case TextTest::StartsWith:
      return kStartsWith;
    case TextTest::EndsWith:
      return kEndsWith;
    case TextTest::Contains:
      return kContains;
  }
  return 0;
}

// A time of RFC 3339, or a day, which stands for its first moment.
std::optional<Timestamp> time_of(std::string_view text) {
  constexpr std::size_t kDay = 10;
  auto parsed = parse_timestamp(text.size() == kDay ? std::string(text) + "T00:00:00Z" : std::string(text));
  return parsed ? std::optional(parsed.value()) : std::nullopt;
}

bool is_literal_of(FieldType type, const Literal& literal) {
  const auto* quoted = std::get_if<Quoted>(&literal);
  const auto* word = std::get_if<Word>(&literal);
  switch (type) {
    case FieldType::Text:
      return quoted != nullptr;
    case FieldType::Guid:
      return quoted != nullptr || (word != nullptr && is_guid(word->text));
    case FieldType::Flag:
      return word != nullptr && (same(word->text, "true") || same(word->text, "false"));
    case FieldType::Time:
      return word != nullptr && time_of(word->text);
    case FieldType::TextList:
    case FieldType::Other:
      return false;
  }
  return false;
}

Result<void, MatchError> check_literal(const Field& field, const Literal& literal) {
  if (std::holds_alternative<Null>(literal)) {
    if ((field.abilities & kNull) != 0) return success();
    return MatchError{What::UnsupportedOperator, std::string(field.name)};
  }
  if (is_literal_of(field.type, literal)) return success();
  return MatchError{What::WrongLiteral, std::string(field.name)};
}

Result<const Field*, MatchError> field_with(Schema schema, const std::string& name, unsigned ability) {
  const auto* field = find_field(schema, name);
  if (field == nullptr) return MatchError{What::UnknownProperty, name};
  bool is_one = field->type != FieldType::TextList && field->type != FieldType::Other;
  if (!is_one || (field->abilities & ability) == 0) {
    return MatchError{What::UnsupportedOperator, std::string(field->name)};
  }
  return field;
}

// The one field of the elements of a list.
Field element_field(const Field& list, std::string_view variable) {
  return {variable, FieldType::Text, list.abilities};
}

std::string text_of(const Literal& literal) {
  if (const auto* quoted = std::get_if<Quoted>(&literal)) return quoted->text;
  const auto* word = std::get_if<Word>(&literal);
  return word != nullptr ? word->text : std::string();
}

// Negative, zero or positive, where `value` is before, equal to or after `other`.
int compare(FieldType type, const json::value& value, const std::string& other) {
  if (type == FieldType::Flag) {
    return static_cast<int>(value.is_bool() && value.get_bool()) - static_cast<int>(same(other, "true"));
  }
  std::string_view text = value.is_string() ? std::string_view(value.get_string()) : std::string_view();
  if (type == FieldType::Time) {
    auto a = time_of(text);
    auto b = time_of(other);
    if (!a || !b) return a ? 1 : -1;
    return *a < *b ? -1 : static_cast<int>(*a > *b);
  }
  return lower(text).compare(lower(other));
}

bool holds(Operator how, int order) {
  switch (how) {
    case Operator::Eq:
      return order == 0;
    case Operator::Ne:
      return order != 0;
    case Operator::Gt:
      return order > 0;
    case Operator::Ge:
      return order >= 0;
    case Operator::Lt:
      return order < 0;
    case Operator::Le:
      return order <= 0;
  }
  return false;
}

// Null equals only null.
bool compares(const Field& field, Operator how, const json::value& value, const Literal& literal) {
  bool wants_null = std::holds_alternative<Null>(literal);
  if (wants_null || value.is_null())
    return (wants_null && value.is_null()) == (how == Operator::Eq) && (how == Operator::Eq || how == Operator::Ne);
  return holds(how, compare(field.type, value, text_of(literal)));
}

bool passes(TextTest how, const json::value& value, const std::string& wanted) {
  if (!value.is_string()) return false;
  auto text = lower(std::string_view(value.get_string()));
  auto part = lower(wanted);
  switch (how) {
    case TextTest::StartsWith:
      return text.starts_with(part);
    case TextTest::EndsWith:
      return text.ends_with(part);
    case TextTest::Contains:
      return text.find(part) != std::string::npos;
  }
  return false;
}

// Null where the record has none.
const json::value& value_in(const json::object& record, std::string_view name) {
  static const json::value none;
  const auto* value = record.if_contains(name);
  return value == nullptr ? none : *value;
}

void note_usage(const Filter& filter, Usage& usage) {
  std::visit(Overloaded{[&](const Junction& node) {
                          if (!node.is_and)
                            usage.most_alternatives = std::max(usage.most_alternatives, node.terms.size());
                          for (const auto& term : node.terms) note_usage(term, usage);
                        },
                        [&](const Negation& node) {
                          usage.negation = true;
                          note_usage(*node.term, usage);
                        },
                        [&](const Comparison& node) { usage.not_equal |= node.how == Operator::Ne; },
                        [&](const Membership&) {},
                        [&](const TextCall& node) { usage.ends_with |= node.how == TextTest::EndsWith; },
                        [&](const AnyOf& node) { note_usage(*node.condition, usage); }, [&](const Call&) {}},
             filter.node);
}

}  // namespace

const Field* find_field(Schema schema, std::string_view name) {
  auto found = std::find_if(schema.begin(), schema.end(), [&](const Field& field) { return same(field.name, name); });
  return found == schema.end() ? nullptr : &*found;
}

Result<void, MatchError> check_filter(const Filter& filter, Schema schema) {
  using Checked = Result<void, MatchError>;
  return std::visit(Overloaded{[&](const Junction& node) -> Checked {
                                 for (const auto& term : node.terms) {
                                   LATCHKEY_TRYV(check_filter(term, schema));
                                 }
                                 return success();
                               },
                               [&](const Negation& node) -> Checked { return check_filter(*node.term, schema); },
                               [&](const Comparison& node) -> Checked {
                                 LATCHKEY_TRY(const auto* field,
                                              field_with(schema, node.property, ability_of(node.how)));
                                 return check_literal(*field, node.value);
                               },
                               [&](const Membership& node) -> Checked {
                                 LATCHKEY_TRY(const auto* field, field_with(schema, node.property, kIn));
                                 for (const auto& value : node.values) {
                                   LATCHKEY_TRYV(check_literal(*field, value));
                                 }
                                 return success();
                               },
                               [&](const TextCall& node) -> Checked {
                                 LATCHKEY_TRYV(field_with(schema, node.property, ability_of(node.how)));
                                 return success();
                               },
                               [&](const AnyOf& node) -> Checked {
                                 const auto* list = find_field(schema, node.property);
                                 if (list == nullptr) return MatchError{What::UnknownProperty, node.property};
                                 if (list->type != FieldType::TextList) {
                                   return MatchError{What::UnsupportedOperator, std::string(list->name)};
                                 }
                                 auto element = element_field(*list, node.variable);
                                 return check_filter(*node.condition, Schema(&element, 1));
                               },
                               [&](const Call& node) -> Checked {
                                 return MatchError{What::UnknownCall, node.name};
                               }},
                    filter.node);
}

bool lets_through(const Filter& filter, Schema schema, const json::object& record) {
  auto passes_term = [&](const Filter& term) { return lets_through(term, schema, record); };
  return std::visit(
      Overloaded{[&](const Junction& node) {
                   return node.is_and ? std::all_of(node.terms.begin(), node.terms.end(), passes_term)
                                      : std::any_of(node.terms.begin(), node.terms.end(), passes_term);
                 },
                 [&](const Negation& node) { return !passes_term(*node.term); },
                 [&](const Comparison& node) {
                   const auto* field = find_field(schema, node.property);
                   return field != nullptr && compares(*field, node.how, value_in(record, field->name), node.value);
                 },
                 [&](const Membership& node) {
                   const auto* field = find_field(schema, node.property);
                   return field != nullptr &&
                          std::any_of(node.values.begin(), node.values.end(), [&](const Literal& value) {
                            return compares(*field, Operator::Eq, value_in(record, field->name), value);
                          });
                 },
                 [&](const TextCall& node) {
                   const auto* field = find_field(schema, node.property);
                   return field != nullptr && passes(node.how, value_in(record, field->name), node.value);
                 },
                 [&](const AnyOf& node) {
                   const auto* list = find_field(schema, node.property);
                   const auto* items = list == nullptr ? nullptr : value_in(record, list->name).if_array();
                   if (items == nullptr) return false;
                   auto element = element_field(*list, node.variable);
                   return std::any_of(items->begin(), items->end(), [&](const json::value& item) {
                     return lets_through(*node.condition, Schema(&element, 1), json::object{{node.variable, item}});
                   });
                 },
                 [&](const Call&) { return false; }},
      filter.node);
}

Usage usage_of(const Filter& filter) {
  Usage usage;
  note_usage(filter, usage);
  return usage;
}

}  // namespace latchkey::clouds::azure::emulator::odata
