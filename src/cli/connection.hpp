// How a command reaches the server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "base/reason.hpp"
#include "cli/output.hpp"
#include "library/api_client.hpp"

namespace latchkey::cli {

using library::ApiClient;

// No API key was given.
inline constexpr ReasonEntry kNoApiKey{"no_api_key", ReasonClass::Other, ErrorCode::Invalid};

// Where the server is, and where the API key is: in a variable or in a file, never on the command line, which others
// can read.
struct Connection {
  std::string url = "http://127.0.0.1:8600";
  std::string ca_file;
  std::string api_key_file;
  std::string key_variable;  // "LATCHKEY_ADMIN_KEY"
};

// Adds --url (LATCHKEY_URL), --server-ca-file and --api-key-file.
void add_connection_options(CLI::App& command, Connection& connection, std::string key_variable);

// Reads the API key from where `connection` says. Invalid (nothing was tried) where the variable or the file does not
// exist; the error says how to set it.
[[nodiscard]] Result<std::unique_ptr<ApiClient>> connect(const Connection& connection);

// Connects and runs `action`. A connection that cannot be made (no API key, no URL, no proxy) is a usage error.
[[nodiscard]] ExitCode with_client(const Connection& connection, OutputFormat format,
                                   const std::function<ExitCode(ApiClient&)>& action);

}  // namespace latchkey::cli
