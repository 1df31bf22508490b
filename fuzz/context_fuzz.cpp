// Fuzzes canonical contexts: they are refused exactly where the rules say so, read back as the context they were made
// from, and so never equal for two contexts. The input is pairs, each text with two bytes of length.
#include <boost/json/parse.hpp>

#include "fuzzing.hpp"

namespace {

using namespace latchkey;
using namespace latchkey::fuzzing;
using envelope::Context;

constexpr std::size_t kMostPairs = 64;

// A second opinion on UTF-8: Boost's JSON reader refuses strings that are not UTF-8.
bool is_utf8(std::string_view text) {
  std::string json = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || c == '"' || c == '\\') {
      json += "x";  // replaces an ASCII byte by another
    } else {
      json += c;
    }
  }
  boost::system::error_code failed;
  boost::json::parse(json + "\"", failed);
  return !failed;
}

// Reads exactly the form that docs/format.md defines.
Context read_back(ByteView form) {
  Input input(form.data(), form.size());
  auto text = [&] {
    auto length = input.bytes(4);
    require(length.size() == 4 && length[0] == 0 && length[1] == 0);
    auto size = std::size_t{length[2]} << 8 | length[3];
    auto bytes = input.bytes(size);
    require(bytes.size() == size);
    return std::string(as_text(bytes));
  };
  Context context;
  const std::string* before = nullptr;
  while (!input.empty()) {
    auto name = text();
    require(before == nullptr || as_text(as_bytes(*before)) < name);
    before = &context.emplace(name, text()).first->first;
  }
  return context;
}

Context read_pairs(Input& input) {
  Context context;
  for (std::size_t pairs = 0; pairs < kMostPairs && !input.empty(); ++pairs) {
    auto name = std::string(as_text(input.bytes(input.number())));
    context[name] = as_text(input.bytes(input.number()));
  }
  return context;
}

void check(const Context& context) {
  std::size_t size = 0;
  bool is_text = true;
  for (const auto& [name, value] : context) {
    size += 8 + name.size() + value.size();
    is_text = is_text && is_utf8(name) && is_utf8(value);
  }
  auto form = envelope::canonicalize(context);
  require(static_cast<bool>(form) == (is_text && size <= envelope::kMaxContextSize));
  if (!form) {
    require(form.error().code == ErrorCode::Invalid);
    return;
  }
  require(form.value().bytes().size() == size);
  require(read_back(form.value().bytes()) == context);
}

// Divides the same bytes in another place: two contexts must have two forms.
void check_shifted(const Context& context) {
  auto form = envelope::canonicalize(context);
  if (!form || context.empty()) return;
  for (const auto& [name, value] : context) {
    Context shifted = context;
    shifted.erase(name);
    if (!value.empty()) {
      shifted[name + value[0]] = value.substr(1);
    } else {
      shifted[name + "\x01"] = value;
    }
    auto other = envelope::canonicalize(shifted);
    if (other) require(!std::ranges::equal(other.value().bytes(), form.value().bytes()) || shifted == context);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  auto context = read_pairs(input);
  check(context);
  check_shifted(context);
  return 0;
}
