#include "clouds/azure/emulator/odata_filter.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/text.hpp"

namespace latchkey::clouds::azure::emulator::odata {

namespace {

constexpr std::size_t kLongest = 8192;  // bytes
constexpr std::size_t kDeepest = 32;
constexpr std::size_t kMostTerms = 256;
constexpr std::size_t kShown = 200;  // bytes of the text that a complaint quotes

constexpr std::array<std::pair<std::string_view, Operator>, 6> kOperators = {{{"eq", Operator::Eq},
                                                                              {"ne", Operator::Ne},
                                                                              {"gt", Operator::Gt},
                                                                              {"ge", Operator::Ge},
                                                                              {"lt", Operator::Lt},
                                                                              {"le", Operator::Le}}};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

template <class T>
using Parsed = Result<T, FilterError>;

// Recursive descent over the text; `at_` is where the rest begins, always after white space.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { skip_space(); }

  Parsed<Filter> parse() {
    if (text_.size() > kLongest) {
      return FilterError{fmt::format("The filter has {} bytes, more than {}.", text_.size(), kLongest)};
    }
    LATCHKEY_TRY(auto filter, read_or(0));
    if (at_ < text_.size()) return syntax_error();
    return filter;
  }

 private:
  [[nodiscard]] FilterError syntax_error() const {
    return FilterError{
        fmt::format("Syntax error at position {} in '{}'.", at_, json_fields::clean_text(text_, kShown))};
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    skip_space();
    return true;
  }

  // The name at the front, without consuming it; slashes join the parts of a path.
  [[nodiscard]] std::string_view peek_name() const {
    auto end = at_;
    while (end < text_.size() &&
           (is_letter(text_[end]) || (end > at_ && (is_digit(text_[end]) || text_[end] == '/')))) {
      ++end;
    }
    return text_.substr(at_, end - at_);
  }

  std::string_view take_name() {
    auto name = peek_name();
    at_ += name.size();
    skip_space();
    return name;
  }

  bool take_keyword(std::string_view wanted) {
    if (!same(peek_name(), wanted)) return false;
    take_name();
    return true;
  }

  std::optional<Operator> take_operator() {
    for (auto [name, how] : kOperators) {
      if (take_keyword(name)) return how;
    }
    return std::nullopt;
  }

  // Every node of the tree passes here once.
  Parsed<void> enter(std::size_t depth) {
    if (depth <= kDeepest && ++terms_ <= kMostTerms) return success();
    return FilterError{fmt::format("The filter is too complex: it may have {} terms, {} deep.", kMostTerms, kDeepest)};
  }

  Parsed<Filter> read_or(std::size_t depth) {
    return read_junction(depth, false, "or", [this](std::size_t deeper) { return read_and(deeper); });
  }

  Parsed<Filter> read_and(std::size_t depth) {
    return read_junction(depth, true, "and", [this](std::size_t deeper) { return read_term(deeper); });
  }

  template <class ReadTerm>
  Parsed<Filter> read_junction(std::size_t depth, bool is_and, std::string_view keyword, ReadTerm read_term) {
    Junction junction{is_and, {}};
    do {
      LATCHKEY_TRY(auto term, read_term(depth));
      junction.terms.push_back(std::move(term));
    } while (take_keyword(keyword));
    if (junction.terms.size() == 1) return std::move(junction.terms.front());
    return Filter{std::move(junction)};
  }

  Parsed<Filter> read_term(std::size_t depth) {
    LATCHKEY_TRYV(enter(depth));
    if (take_keyword("not")) {
      LATCHKEY_TRY(auto term, read_term(depth + 1));
      return Filter{Negation{std::make_unique<Filter>(std::move(term))}};
    }
    if (take('(')) {
      LATCHKEY_TRY(auto inside, read_or(depth + 1));
      if (!take(')')) return syntax_error();
      return inside;
    }
    auto name = take_name();
    if (name.empty()) return syntax_error();
    if (take('(')) return read_call(name, depth);
    if (auto how = take_operator()) {
      LATCHKEY_TRY(auto value, read_literal());
      return Filter{Comparison{std::string(name), *how, std::move(value)}};
    }
    if (take_keyword("in") && take('(')) {
      LATCHKEY_TRY(auto values, read_literals());
      if (values.empty()) return syntax_error();
      return Filter{Membership{std::string(name), std::move(values)}};
    }
    return syntax_error();
  }

  // What follows "name(".
  Parsed<Filter> read_call(std::string_view name, std::size_t depth) {
    constexpr std::string_view kAny = "/any";
    if (name.size() > kAny.size() && same(name.substr(name.size() - kAny.size()), kAny)) {
      return read_any(name.substr(0, name.size() - kAny.size()), depth);
    }
    for (auto [function, how] :
         {std::pair("startswith", TextTest::StartsWith), std::pair("endswith", TextTest::EndsWith),
          std::pair("contains", TextTest::Contains), std::pair("substringof", TextTest::Contains)}) {
      if (same(name, function)) return read_text_call(how, same(name, "substringof"));
    }
    LATCHKEY_TRY(auto arguments, read_literals());
    return Filter{Call{std::string(name), std::move(arguments)}};
  }

  Parsed<Filter> read_any(std::string_view property, std::size_t depth) {
    auto variable = take_name();
    if (variable.empty() || !take(':')) return syntax_error();
    LATCHKEY_TRY(auto condition, read_or(depth + 1));
    if (!take(')')) return syntax_error();
    return Filter{AnyOf{std::string(property), std::string(variable), std::make_unique<Filter>(std::move(condition))}};
  }

  Parsed<Filter> read_text_call(TextTest how, bool value_first) {
    TextCall call{how, {}, {}};
    for (int argument = 0; argument < 2; ++argument) {
      if (argument == 1 && !take(',')) return syntax_error();
      if ((argument == 0) == value_first) {
        if (at_ >= text_.size() || text_[at_] != '\'') return syntax_error();
        LATCHKEY_TRY(call.value, read_quoted());
      } else {
        call.property = take_name();
        if (call.property.empty()) return syntax_error();
      }
    }
    if (!take(')')) return syntax_error();
    return read_truth(Filter{std::move(call)});
  }

  // "startswith(a,'b') eq true" means the same as "startswith(a,'b')".
  Parsed<Filter> read_truth(Filter filter) {
    if (!take_keyword("eq")) return filter;
    if (take_keyword("true")) return filter;
    if (!take_keyword("false")) return syntax_error();
    return Filter{Negation{std::make_unique<Filter>(std::move(filter))}};
  }

  // What follows "(": literals up to and with ")".
  Parsed<std::vector<Literal>> read_literals() {
    std::vector<Literal> values;
    if (take(')')) return values;
    do {
      LATCHKEY_TRYV(enter(0));
      LATCHKEY_TRY(auto value, read_literal());
      values.push_back(std::move(value));
    } while (take(','));
    if (!take(')')) return syntax_error();
    return values;
  }

  Parsed<Literal> read_literal() {
    if (at_ < text_.size() && text_[at_] == '\'') {
      LATCHKEY_TRY(auto text, read_quoted());
      return Literal(Quoted{std::move(text)});
    }
    auto end = text_.find_first_of(" \t(),'", at_);
    auto word = text_.substr(at_, end == std::string_view::npos ? end : end - at_);
    if (word.empty()) return syntax_error();
    at_ += word.size();
    skip_space();
    if (same(word, "null")) return Literal(Null{});
    return Literal(Word{std::string(word)});
  }

  Parsed<std::string> read_quoted() {
    std::string value;
    for (auto i = at_ + 1; i < text_.size(); ++i) {
      if (text_[i] == '\'') {
        if (i + 1 >= text_.size() || text_[i + 1] != '\'') {
          at_ = i + 1;
          skip_space();
          return value;
        }
        ++i;
      }
      value += text_[i];
    }
    return FilterError{fmt::format("There is an unterminated string literal at position {} in '{}'.", text_.size(),
                                   json_fields::clean_text(text_, kShown))};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t terms_ = 0;
};

}  // namespace

Result<Filter, FilterError> parse_filter(std::string_view text) {
  return Parser(text).parse();
}

std::optional<std::vector<Literal>> take_call(std::optional<Filter>& filter, std::string_view name) {
  auto is_it = [&](const Filter& one) {
    const auto* call = std::get_if<Call>(&one.node);
    return call != nullptr && same(call->name, name);
  };
  if (!filter) return std::nullopt;
  if (is_it(*filter)) {
    auto arguments = std::move(std::get<Call>(filter->node).arguments);
    filter.reset();
    return arguments;
  }
  auto* junction = std::get_if<Junction>(&filter->node);
  if (junction == nullptr || !junction->is_and) return std::nullopt;
  auto found = std::find_if(junction->terms.begin(), junction->terms.end(), is_it);
  if (found == junction->terms.end()) return std::nullopt;
  auto arguments = std::move(std::get<Call>(found->node).arguments);
  junction->terms.erase(found);
  if (junction->terms.size() == 1) {
    auto last = std::move(junction->terms.front());
    filter = std::move(last);
  }
  return arguments;
}

}  // namespace latchkey::clouds::azure::emulator::odata
