#include "dev/env_file.hpp"

#include <sstream>

#include <boost/algorithm/string/replace.hpp>
#include <fmt/format.h>

#include "base/file.hpp"

namespace latchkey::dev {

namespace {
constexpr std::string_view kExport = "export ";
constexpr std::string_view kQuoteInQuotes = R"('\'')";
constexpr std::size_t kMaxSize = std::size_t{256} * 1024;
}  // namespace

Result<void> write_env_file(const std::string& path, std::string_view heading, const EnvironmentLines& lines) {
  auto text = fmt::format("# {}\n", heading);
  for (const auto& [name, value] : lines) {
    if (value.find_first_of("\r\n") != std::string::npos) {
      return Error{ErrorCode::Invalid, fmt::format("the value of {} has a line break", name)};
    }
    text += fmt::format("{}{}='{}'\n", kExport, name, boost::replace_all_copy(value, "'", std::string(kQuoteInQuotes)));
  }
  return write_file_durably(path, text, 0600);
}

Result<std::map<std::string, std::string>> read_env_file(const std::string& path) {
  std::map<std::string, std::string> values;
  auto text = read_file(path, kMaxSize);
  if (!text) {
    if (text.error().code == ErrorCode::NotFound) return values;
    return text.error();
  }
  std::istringstream stream(text.value());
  for (std::string line; std::getline(stream, line);) {
    auto equals = line.find('=');
    if (!line.starts_with(kExport) || equals == std::string::npos) continue;
    auto quoted = line.substr(equals + 1);
    if (quoted.size() < 2 || quoted.front() != '\'' || quoted.back() != '\'') continue;
    auto value = boost::replace_all_copy(quoted.substr(1, quoted.size() - 2), std::string(kQuoteInQuotes), "'");
    values[line.substr(kExport.size(), equals - kExport.size())] = value;
  }
  return values;
}

}  // namespace latchkey::dev
