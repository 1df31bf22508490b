// How the emulator reads $filter, and what the filter lets through.
#include "clouds/azure/emulator/odata_filter.hpp"

#include <array>

#include <boost/json/array.hpp>
#include <gtest/gtest.h>

#include "clouds/azure/emulator/odata_match.hpp"

namespace latchkey::clouds::azure::emulator::odata {
namespace {

namespace json = boost::json;

constexpr unsigned kAll = kEq | kNe | kOrdered | kIn | kStartsWith | kEndsWith | kContains | kNull;
constexpr auto kSchema = std::to_array<Field>({{"displayName", FieldType::Text, kAll},
                                               {"owner", FieldType::Guid, kAll},
                                               {"enabled", FieldType::Flag, kEq | kNe | kIn},
                                               {"createdDateTime", FieldType::Time, kEq | kOrdered},
                                               {"names", FieldType::TextList, kEq | kStartsWith},
                                               {"homepage", FieldType::Text, kEq | kNe | kNull},
                                               {"identity/principalId", FieldType::Text, kEq},
                                               {"keys", FieldType::Other}});
constexpr const char* kOwner = "0c0ffee0-0000-4000-8000-000000000000";

json::object record() {
  return {{"displayName", "It's (the) Vault, and more"},
          {"owner", kOwner},
          {"enabled", true},
          {"createdDateTime", "2026-06-01T10:00:00Z"},
          {"names", json::array{"first", "https://second.example"}},
          {"homepage", nullptr}};
}

// "yes", "no", or why the filter is refused.
std::string ask(const std::string& text) {
  auto filter = parse_filter(text);
  if (!filter) return filter.error().message;
  auto checked = check_filter(filter.value(), kSchema);
  if (checked) return lets_through(filter.value(), kSchema, record()) ? "yes" : "no";
  switch (checked.error().what) {
    case MatchError::What::UnknownProperty:
      return "unknown " + checked.error().name;
    case MatchError::What::UnsupportedOperator:
      return "operator of " + checked.error().name;
    case MatchError::What::WrongLiteral:
      return "literal of " + checked.error().name;
    case MatchError::What::UnknownCall:
      return "call " + checked.error().name;
  }
  return "";
}

TEST(ODataFilter, LetsThroughWhatItSays) {
  const std::pair<const char*, const char*> cases[] = {
      {"displayName eq 'it''s (the) vault, and more'", "yes"},
      {"DISPLAYNAME EQ 'It''s (the) Vault, and more'", "yes"},
      {"  displayName\teq 'other' ", "no"},
      {"displayName ne 'other'", "yes"},
      {"startswith(displayName,'It''s (')", "yes"},
      {"startsWith( displayName , 'The' )", "no"},
      {"startswith(displayName,'It') eq true", "yes"},
      {"startswith(displayName,'It') eq false", "no"},
      {"endswith(displayName,'MORE')", "yes"},
      {"contains(displayName,', and ')", "yes"},
      {"substringof('vault',displayName)", "yes"},
      {"substringof('safe',displayName)", "no"},
      {"displayName in ('a','b')", "no"},
      {"displayName in ( 'a' , 'it''s (the) vault, and more' )", "yes"},
      {"displayName gt 'A' and displayName lt 'z'", "yes"},
      {"displayName le 'a'", "no"},
      {"enabled eq true", "yes"},
      {"enabled eq False", "no"},
      {"enabled ne false", "yes"},
      {"enabled in (false,true)", "yes"},
      {"owner eq 0C0FFEE0-0000-4000-8000-000000000000", "yes"},
      {"owner eq '0c0ffee0-0000-4000-8000-000000000000'", "yes"},
      {"owner ne 11111111-0000-4000-8000-000000000000", "yes"},
      {"createdDateTime ge 2026-06-01T10:00:00Z", "yes"},
      {"createdDateTime gt 2026-06-01T12:00:00+02:00", "no"},
      {"createdDateTime lt 2026-06-02", "yes"},
      {"homepage eq null", "yes"},
      {"homepage ne null", "no"},
      {"homepage ne 'x'", "yes"},
      {"homepage eq 'null'", "no"},
      {"displayName eq null", "no"},
      {"displayName ne null", "yes"},
      {"not displayName eq 'x'", "yes"},
      {"not(displayName eq 'x')", "yes"},
      {"NOT not enabled eq true", "yes"},
      {"not startswith(displayName,'It')", "no"},
      {"names/any(n:n eq 'FIRST')", "yes"},
      {"names/any(n: n eq 'x' or startswith(n,'https://'))", "yes"},
      {"names/any(n:n eq 'first' and n eq 'https://second.example')", "no"},
      {"not names/any(n:n eq 'third')", "yes"},
      {"identity/principalId eq 'x'", "no"},
      // "and" binds tighter than "or", and "not" tighter than both.
      {"enabled eq true or enabled eq false and displayName eq 'x'", "yes"},
      {"(enabled eq true or enabled eq false) and displayName eq 'x'", "no"},
      {"displayName eq 'x' and enabled eq true or enabled eq true", "yes"},
      {"not enabled eq false and enabled eq true", "yes"},
      {"((((enabled eq true))))", "yes"},
  };
  for (auto [text, wanted] : cases) EXPECT_EQ(ask(text), wanted) << text;
}

TEST(ODataFilter, RefusesWhatItDoesNotUnderstand) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "Syntax error at position 0 in ''."},
      {"   ", "Syntax error at position 3 in '   '."},
      {"displayName", "Syntax error at position 11 in 'displayName'."},
      {"displayName eq", "Syntax error at position 14 in 'displayName eq'."},
      {"displayName xx 'a'", "Syntax error at position 12 in 'displayName xx 'a''."},
      {"displayName eq 'a' , enabled eq true",
       "Syntax error at position 19 in 'displayName eq 'a' , enabled eq true'."},
      {"displayName eq 'a' and", "Syntax error at position 22 in 'displayName eq 'a' and'."},
      {"displayName eq 'a' or c", "Syntax error at position 23 in 'displayName eq 'a' or c'."},
      {"(displayName eq 'a'", "Syntax error at position 19 in '(displayName eq 'a''."},
      {"displayName eq 'a')", "Syntax error at position 18 in 'displayName eq 'a')'."},
      {"'a' eq displayName", "Syntax error at position 0 in ''a' eq displayName'."},
      {"displayName eq 'it's'", "Syntax error at position 19 in 'displayName eq 'it's''."},
      {"displayName eq 'it", "There is an unterminated string literal at position 18 in 'displayName eq 'it'."},
      {"startswith(displayName 'x')", "Syntax error at position 23 in 'startswith(displayName 'x')'."},
      {"startswith('x',displayName)", "Syntax error at position 11 in 'startswith('x',displayName)'."},
      {"displayName in ()", "Syntax error at position 17 in 'displayName in ()'."},
      {"displayName in 'a'", "Syntax error at position 15 in 'displayName in 'a''."},
      {"names/any()", "Syntax error at position 10 in 'names/any()'."},
      {"names/any(n)", "Syntax error at position 11 in 'names/any(n)'."},
      {"datetime'2020-01-01' eq createdDateTime",
       "Syntax error at position 8 in 'datetime'2020-01-01' eq createdDateTime'."},
      {"shoeSize eq 'a'", "unknown shoeSize"},
      {"names/any(n:other eq 'a')", "unknown other"},
      {"names/any(n:n/x eq 'a')", "unknown n/x"},
      {"shoes/any(n:n eq 'a')", "unknown shoes"},
      {"displayName eq 'a' or shoeSize eq 'b'", "unknown shoeSize"},
      {"not shoeSize eq 'b'", "unknown shoeSize"},
      {"displayName/any(n:n eq 'a')", "operator of displayName"},
      {"names eq 'first'", "operator of names"},
      {"startswith(names,'f')", "operator of names"},
      {"names/any(n:n ne 'a')", "operator of n"},
      {"keys eq 'a'", "operator of keys"},
      {"enabled gt true", "operator of enabled"},
      {"enabled eq null", "operator of enabled"},
      {"homepage gt 'a'", "operator of homepage"},
      {"displayName eq word", "literal of displayName"},
      {"displayName in ('a',b)", "literal of displayName"},
      {"enabled eq 'true'", "literal of enabled"},
      {"enabled eq 1", "literal of enabled"},
      {"owner eq 17", "literal of owner"},
      {"createdDateTime ge yesterday", "literal of createdDateTime"},
      {"createdDateTime ge '2026-06-01T10:00:00Z'", "literal of createdDateTime"},
      {"atScope()", "call atScope"},
      {"enabled eq true and assignedTo('x')", "call assignedTo"},
      {"tolower(displayName) eq 'a'", "Syntax error at position 21 in 'tolower(displayName) eq 'a''."},
      {"names/all(n:n eq 'a')", "Syntax error at position 14 in 'names/all(n:n eq 'a')'."},
  };
  for (auto [text, wanted] : cases) EXPECT_EQ(ask(text), wanted) << text;
}

std::string repeated(std::size_t count, const std::string& piece) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

TEST(ODataFilter, IsBounded) {
  const std::string clause = "enabled eq true";
  EXPECT_EQ(ask(repeated(31, "(") + clause + repeated(31, ")")), "yes");
  const std::string complex = "The filter is too complex: it may have 256 terms, 32 deep.";
  EXPECT_EQ(ask(repeated(100, "(") + clause + repeated(100, ")")), complex);
  EXPECT_EQ(ask(repeated(100, "not ") + clause), complex);
  EXPECT_EQ(ask(repeated(255, clause + " or ") + clause), "yes");
  EXPECT_EQ(ask(repeated(256, clause + " or ") + clause), complex);
  EXPECT_EQ(ask("enabled in (" + repeated(300, "true,") + "true)"), complex);
  EXPECT_EQ(ask(repeated(1000, clause + " or ") + clause), "The filter has 19015 bytes, more than 8192.");
  EXPECT_EQ(ask(repeated(8192, "(")), complex);
  EXPECT_EQ(ask("displayName eq '" + repeated(8170, "x") + "'"), "no");
  // A complaint quotes a part of a long text, and none of its control characters.
  EXPECT_EQ(ask("\x1b" + repeated(500, "x")), "Syntax error at position 0 in '\ufffd" + repeated(197, "x") + "'.");
}

TEST(ODataFilter, GivesCallsAndWhatIsLeft) {
  auto take = [](const std::string& text, std::string_view name) {
    std::optional<Filter> filter = std::move(parse_filter(text).value());
    auto arguments = take_call(filter, name);
    return std::pair(arguments ? std::to_string(arguments->size()) : "none", filter.has_value());
  };
  using Taken = std::pair<std::string, bool>;
  EXPECT_EQ(take("atScope()", "ATSCOPE"), Taken("0", false));
  EXPECT_EQ(take("assignedTo('a')", "assignedTo"), Taken("1", false));
  EXPECT_EQ(take("atScope() and assignedTo('a')", "atScope"), Taken("0", true));
  EXPECT_EQ(take("enabled eq true", "atScope"), Taken("none", true));
  EXPECT_EQ(take("atScope() or enabled eq true", "atScope"), Taken("none", true));
  EXPECT_EQ(take("not atScope()", "atScope"), Taken("none", true));
  std::optional<Filter> both = std::move(parse_filter("atScope() and assignedTo('it''s')").value());
  ASSERT_TRUE(take_call(both, "atScope"));
  auto rest = take_call(both, "assignedTo");
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->front(), Literal(Quoted{"it's"}));
  EXPECT_FALSE(both);
}

TEST(ODataFilter, TellsWhatItUses) {
  auto usage = usage_of(parse_filter("enabled eq true").value());
  EXPECT_FALSE(usage.not_equal || usage.negation || usage.ends_with);
  EXPECT_EQ(usage.most_alternatives, 0U);
  usage =
      usage_of(parse_filter("(a eq 'b' or a eq 'c' or a eq 'd') and not x/any(y:endswith(y,'z') or y ne 'q')").value());
  EXPECT_TRUE(usage.not_equal && usage.negation && usage.ends_with);
  EXPECT_EQ(usage.most_alternatives, 3U);
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::odata
