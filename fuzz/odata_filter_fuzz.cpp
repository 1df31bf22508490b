// Fuzzes the emulator's $filter: every text is parsed, checked and applied to a record, or refused in a short sentence
// that is valid JSON text.
#include <array>
#include <cstdlib>

#include <boost/json/object.hpp>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/odata_match.hpp"

namespace {

using namespace latchkey;
using namespace latchkey::clouds::azure::emulator;

constexpr auto kSchema = std::to_array<odata::Field>({{"a", odata::FieldType::Text, ~0U},
                                                      {"g", odata::FieldType::Guid, ~0U},
                                                      {"f", odata::FieldType::Flag, ~0U},
                                                      {"t", odata::FieldType::Time, ~0U},
                                                      {"l", odata::FieldType::TextList, ~0U},
                                                      {"o", odata::FieldType::Other, ~0U}});

void require(bool holds) {
  if (!holds) std::abort();
}

const boost::json::object& record() {
  static const boost::json::object kRecord{{"a", "text"},         {"g", "0c0ffee0-0000-4000-8000-000000000000"},
                                           {"f", true},           {"t", "2026-06-01T10:00:00Z"},
                                           {"l", {"one", "two"}}, {"o", 7}};
  return kRecord;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto parsed = odata::parse_filter(text);
  if (!parsed) {
    const auto& message = parsed.error().message;
    require(!message.empty() && message.size() < 400);
    require(json_fields::clean_text(message, std::string::npos) == message);
    return 0;
  }
  auto checked = odata::check_filter(parsed.value(), kSchema);
  if (checked) {
    bool passes = odata::lets_through(parsed.value(), kSchema, record());
    auto denied = odata::parse_filter("not (" + text + ")");
    // Where the size limits permit the negated filter, it must hold for the opposite.
    if (denied) require(odata::lets_through(denied.value(), kSchema, record()) != passes);
  }
  require(odata::usage_of(parsed.value()).most_alternatives <= 256);
  std::optional<odata::Filter> filter = std::move(parsed.value());
  (void)odata::take_call(filter, "atScope");
  return 0;
}
