// How commands speak: text for people, JSON for programs (-o json), colour and progress on a terminal alone. What a
// command found goes to standard output; everything else (progress, hints, errors) to standard error.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/value.hpp>

#include "base/result.hpp"
#include "terminal/style.hpp"
#include "terminal/waiting.hpp"

namespace latchkey::cli {

enum class OutputFormat { Text, Json };

// The exit codes of every command (docs/cli.md).
enum class ExitCode : int {
  Ok = 0,
  Failed = 1,  // asked and refused, or could not be done
  Usage = 2,   // the command line or the environment is wrong; nothing was tried
};

using terminal::Style;
using terminal::styled;
using terminal::Waiting;

// One JSON value, indented on a terminal and on one line elsewhere.
void print_json(const boost::json::value& value);
// "name   value" lines, names aligned; absent values are left out by the caller.
void print_fields(const std::vector<std::pair<std::string, std::string>>& fields);
// A table with a header; columns aligned, no trailing blanks.
void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

// {"code", "message", "cause", "cure"?, "request_id"?, "reason"?, "key_reason"?}: the message is all of it for a
// person.
[[nodiscard]] boost::json::object error_json(const Error& error);
// Says on standard error what happened and the cure, or, in JSON, prints the error object. Gives the exit code for it.
[[nodiscard]] ExitCode report_error(const Error& error, OutputFormat format);

// The error of a command whose result, shown once alone, was not taken (flush_output): with what became of it.
[[nodiscard]] Error unseen(const Error& not_written, std::string_view outcome);

}  // namespace latchkey::cli
