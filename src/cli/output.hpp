// How commands print: text for people, JSON for programs (-o json), colour and progress on a terminal alone. A command
// prints its result on standard output, and everything else (progress, hints, errors) on standard error.
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
  Failed = 1,  // the server refused, or the command could not do its work
  Usage = 2,   // the command line or the environment is wrong; the command tried nothing
};

using terminal::Style;
using terminal::styled;
using terminal::Waiting;

// One JSON value, indented on a terminal and on one line elsewhere.
void print_json(const boost::json::value& value);
// "name   value" lines, names aligned. The caller leaves absent values out.
void print_fields(const std::vector<std::pair<std::string, std::string>>& fields);
// A table with a header; columns aligned, no trailing blanks.
void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

// {"code", "message", "cause", "cure"?, "request_id"?, "reason"?, "key_reason"?}: the message is all of it for a
// person.
[[nodiscard]] boost::json::object error_json(const Error& error);
// Prints what happened and the cure on standard error and, in JSON, the error object on standard output. Returns the
// exit code for it.
[[nodiscard]] ExitCode report_error(const Error& error, OutputFormat format);

// The error of a command that shows its result only once and could not write it (flush_output). `outcome` says what
// became of the result.
[[nodiscard]] Error unseen(const Error& not_written, std::string_view outcome);

}  // namespace latchkey::cli
