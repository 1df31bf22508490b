// OData's $filter as a tree: it selects items of a list at Graph, Resource Manager and a managed HSM. The parser knows
// the grammar (OData 4.01 part 2, section 5.1.1, and the functions of OData 3 that Resource Manager documents) and no
// property; odata_match.hpp knows the properties. Because a stranger wrote the text, its length, its depth and the
// number of its terms are bounded. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace latchkey::clouds::azure::emulator::odata {

struct Null {
  bool operator==(const Null&) const = default;
};
// Between quotes, with '' read as one quote.
struct Quoted {
  std::string text;
  bool operator==(const Quoted&) const = default;
};
// Without quotes: true, 42, a GUID, a time.
struct Word {
  std::string text;
  bool operator==(const Word&) const = default;
};
using Literal = std::variant<Null, Quoted, Word>;

enum class Operator { Eq, Ne, Gt, Ge, Lt, Le };
enum class TextTest { StartsWith, EndsWith, Contains };

struct Filter;

struct Junction {
  bool is_and = false;
  std::vector<Filter> terms;  // two or more
};
struct Negation {
  std::unique_ptr<Filter> term;
};
struct Comparison {
  std::string property;  // "displayName", "identity/principalId"
  Operator how = Operator::Eq;
  Literal value;
};
// property in ('a','b')
struct Membership {
  std::string property;
  std::vector<Literal> values;
};
// startswith(property,'a'), endswith, contains, and substringof('a',property), which is OData 3's contains
struct TextCall {
  TextTest how = TextTest::StartsWith;
  std::string property;
  std::string value;
};
// property/any(variable:condition)
struct AnyOf {
  std::string property;
  std::string variable;
  std::unique_ptr<Filter> condition;
};
// atScope(), assignedTo('a')
struct Call {
  std::string name;
  std::vector<Literal> arguments;
};
struct Filter {
  std::variant<Junction, Negation, Comparison, Membership, TextCall, AnyOf, Call> node;
};

struct FilterError {
  std::string message;  // "Syntax error at position 7 in 'name xx'."
};

// Keywords, operators and functions are read in any case, as Azure reads them. An empty text is an error.
[[nodiscard]] Result<Filter, FilterError> parse_filter(std::string_view text);

// Where the filter is the call `name`, or joins it to other terms with "and", takes the call out of the filter and
// returns its arguments. Absent where the call is missing or stands deeper in the tree.
[[nodiscard]] std::optional<std::vector<Literal>> take_call(std::optional<Filter>& filter, std::string_view name);

}  // namespace latchkey::clouds::azure::emulator::odata
