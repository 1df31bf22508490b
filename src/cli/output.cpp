#include "cli/output.hpp"

#include <algorithm>
#include <iostream>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "server/clouds.hpp"

namespace latchkey::cli {

namespace {

void pretty(const boost::json::value& value, std::string& out, std::size_t depth) {
  std::string indent(2 * (depth + 1), ' ');
  std::string closing(2 * depth, ' ');
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out += "{\n";
    for (auto it = object->begin(); it != object->end(); ++it) {
      out += indent + boost::json::serialize(boost::json::string(it->key())) + ": ";
      pretty(it->value(), out, depth + 1);
      out += std::next(it) == object->end() ? "\n" : ",\n";
    }
    out += closing + "}";
  } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
    out += "[\n";
    for (auto it = array->begin(); it != array->end(); ++it) {
      out += indent;
      pretty(*it, out, depth + 1);
      out += std::next(it) == array->end() ? "\n" : ",\n";
    }
    out += closing + "]";
  } else {
    out += boost::json::serialize(value);
  }
}

// JSON may contain U+007F to U+009F, and standard output replaces them. Programs read the escapes as the same text.
std::string escape_controls(std::string_view json) {
  std::string escaped;
  for (std::size_t i = 0; i < json.size(); ++i) {
    auto byte = static_cast<unsigned char>(json[i]);
    auto next = i + 1 < json.size() ? static_cast<unsigned char>(json[i + 1]) : 0U;
    if (byte == 0x7f) {
      escaped += "\\u007f";
    } else if (byte == 0xc2 && next < 0xa0) {
      escaped += fmt::format("\\u{:04x}", next);
      ++i;
    } else {
      escaped += json[i];
    }
  }
  return escaped;
}

// Why the key does not serve: the first reason of the catalogue among the error and those beneath it.
std::string key_reason(const Error& error) {
  const auto catalogue = server::reason_catalogue();
  for (const auto* one = &error; one != nullptr; one = one->beneath.get()) {
    if (!catalogue.find(one->reason.code()).empty()) return std::string(one->reason.code());
  }
  return "";
}

}  // namespace

void print_json(const boost::json::value& value) {
  std::string text;
  if (isatty(STDOUT_FILENO) == 1) {
    pretty(value, text, 0);
  } else {
    text = boost::json::serialize(value);
  }
  std::cout << escape_controls(text) << '\n' << std::flush;
}

void print_fields(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t width = 0;
  for (const auto& field : fields) width = std::max(width, field.first.size());
  for (const auto& [name, value] : fields) std::cout << fmt::format("{:<{}}  {}\n", name, width, value);
  std::cout << std::flush;
}

void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(header.size());
  for (const auto& cell : header) widths.push_back(cell.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  auto line = [&](const std::vector<std::string>& cells, Style style) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += i + 1 == cells.size() ? cells[i] : fmt::format("{:<{}}  ", cells[i], widths[i]);
    }
    std::cout << styled(style, text) << '\n';
  };
  line(header, Style::Dim);
  for (const auto& row : rows) line(row, Style::Plain);
  std::cout << std::flush;
}

boost::json::object error_json(const Error& error) {
  boost::json::object body{{"code", to_string(error.code)}, {"message", error.message()}, {"cause", error.cause}};
  if (!error.cure.empty()) body["cure"] = error.cure;
  if (!error.request_id.empty()) body["request_id"] = error.request_id;
  if (!error.reason.empty()) body["reason"] = error.reason.code();
  if (auto why = key_reason(error); !why.empty()) body["key_reason"] = why;
  return body;
}

ExitCode report_error(const Error& error, OutputFormat format) {
  if (format == OutputFormat::Json) print_json(boost::json::object{{"error", error_json(error)}});
  std::cerr << "latchkey: " << error.message() << '\n';
  if (auto why = key_reason(error); !why.empty())
    std::cerr << "the reason: " << why << " (latchkey explain " << why << ")\n";
  return ExitCode::Failed;
}

Error unseen(const Error& not_written, std::string_view outcome) {
  return Error{not_written.code, fmt::format("{}; {}", not_written.message(), outcome)};
}

}  // namespace latchkey::cli
