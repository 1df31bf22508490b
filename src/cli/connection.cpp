#include "cli/connection.hpp"

#include <cstdlib>
#include <iostream>

#include <fmt/format.h>

#include "base/file.hpp"
#include "crypto/secret.hpp"

namespace latchkey::cli {

namespace {

constexpr std::size_t kMaxKeyFile = 4096;

Result<std::string> find_api_key(const Connection& connection) {
  std::string text;
  if (connection.api_key_file == "-") {
    std::getline(std::cin, text);
  } else if (!connection.api_key_file.empty()) {
    LATCHKEY_TRY(text, read_file(connection.api_key_file, kMaxKeyFile));
  } else if (const char* value = std::getenv(connection.key_variable.c_str())) {
    text = value;
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text.empty()) {
    return Error{ErrorCode::Invalid, fmt::format("no API key: set {}, or give --api-key-file", connection.key_variable),
                 kNoApiKey, "With `latchkey dev`, source its dev.env"};
  }
  return text;
}

}  // namespace

void add_connection_options(CLI::App& command, Connection& connection, std::string key_variable) {
  connection.key_variable = std::move(key_variable);
  command.add_option("--url", connection.url, "The server (or LATCHKEY_URL)")
      ->envname("LATCHKEY_URL")
      ->capture_default_str();
  command.add_option("--server-ca-file", connection.ca_file,
                     "PEM file of the authorities to trust for an https server");
  command.add_option(
      "--api-key-file", connection.api_key_file,
      "A file with the API key, - for standard input (default: the variable " + connection.key_variable + ")");
}

Result<std::unique_ptr<ApiClient>> connect(const Connection& connection) {
  LATCHKEY_TRY(auto api_key, find_api_key(connection));
  auto client = ApiClient::create(connection.url, connection.ca_file, api_key);
  crypto::wipe(api_key);
  return client;
}

ExitCode with_client(const Connection& connection, OutputFormat format,
                     const std::function<ExitCode(ApiClient&)>& action) {
  auto client = connect(connection);
  if (!client) {
    auto code = report_error(client.error(), format);
    return client.error().code == ErrorCode::Invalid ? ExitCode::Usage : code;
  }
  return action(*client.value());
}

}  // namespace latchkey::cli
