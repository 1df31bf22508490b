#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "cli/command.hpp"
#include "cli/json_view.hpp"

namespace latchkey::cli {

namespace {

constexpr std::string_view kSuffix = ".lk";
constexpr std::string_view kStandardStream = "-";
constexpr std::size_t kMaxFile = std::size_t{1} << 30;
constexpr unsigned kDefaultMode = 0600;

enum class Direction { Encrypt, Decrypt };

struct DataOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  std::string workspace_id;
  std::vector<std::string> context;
  std::vector<std::string> files;
  std::string output;
  bool force = false;
};

std::string_view verb(Direction direction) {
  return direction == Direction::Encrypt ? "encrypt" : "decrypt";
}

// Where the result of `file` goes: --output, or FILE.lk, or FILE without .lk; "-" for "-".
Result<std::string> output_for(const DataOptions& options, Direction direction, const std::string& file) {
  if (!options.output.empty()) return options.output;
  if (file == kStandardStream) return std::string(kStandardStream);
  if (direction == Direction::Encrypt) return file + std::string(kSuffix);
  if (file.size() > kSuffix.size() && file.ends_with(kSuffix)) return file.substr(0, file.size() - kSuffix.size());
  return Error{ErrorCode::Invalid,
               fmt::format("{} does not end in {}: say where the plaintext goes with --out", file, kSuffix)};
}

Result<std::string> read_input(const std::string& file) {
  if (file != kStandardStream) return read_file(file, kMaxFile);
  std::string content(std::istreambuf_iterator<char>(std::cin), {});
  if (content.size() > kMaxFile) {
    return Error{ErrorCode::TooLarge, fmt::format("standard input has more than {} bytes", kMaxFile)};
  }
  return content;
}

unsigned mode_of(const std::string& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 ? status.st_mode & 0777U : kDefaultMode;
}

Result<void> write_output(const DataOptions& options, const std::string& file, const std::string& output,
                          std::string_view content) {
  if (output == kStandardStream) {
    std::cout.write(content.data(), static_cast<std::streamsize>(content.size()));
    std::cout.flush();
    if (std::cout.good()) return success();
    return Error{ErrorCode::Unavailable, "cannot write to standard output"};
  }
  if (!options.force && std::filesystem::exists(output)) {
    return Error{ErrorCode::Conflict, fmt::format("{} exists already: remove it, or say --force", output)};
  }
  return write_file_durably(output, content, mode_of(file));
}

Result<http::Headers> request_headers(const DataOptions& options) {
  http::Headers headers;
  if (options.context.empty()) return headers;
  boost::json::object context;
  for (const auto& pair : options.context) context[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
  headers.set("latchkey-context", base64url_encode(as_bytes(boost::json::serialize(context))));
  return headers;
}

Result<boost::json::object> process_file(ApiClient& client, const DataOptions& options, Direction direction,
                                         const std::string& file) {
  LATCHKEY_TRY(auto output, output_for(options, direction, file));
  LATCHKEY_TRY(auto input, read_input(file));
  LATCHKEY_TRY(auto headers, request_headers(options));
  auto path = fmt::format("/v1/workspaces/{}/{}", percent_encode(options.workspace_id), verb(direction));
  auto answer = [&] {
    Waiting waiting(fmt::format("{}ing {}", verb(direction), file));
    return client.call_raw(path, std::move(input), std::move(headers));
  }();
  if (!answer) return answer.error();
  auto& response = answer.value();
  auto written = write_output(options, file, output, response.body);
  auto size = response.body.size();
  crypto::wipe(response.body);
  LATCHKEY_TRYV(written);
  return boost::json::object{{"file", file},
                             {"output", output},
                             {"bytes", size},
                             {"data_key_id", std::string(response.headers.get("latchkey-data-key-id"))}};
}

ExitCode process(ApiClient& client, const DataOptions& options, Direction direction) {
  boost::json::array done;
  auto code = ExitCode::Ok;
  for (const auto& file : options.files) {
    auto result = process_file(client, options, direction, file);
    if (!result) {
      auto error = result.error();
      error.message = fmt::format("{}: {}", file, error.message);
      code = report_error(error, options.format);
      continue;
    }
    if (options.format == OutputFormat::Text && text_at(result.value(), "output") != kStandardStream) {
      std::cout << file << " -> " << text_at(result.value(), "output") << '\n';
    }
    done.push_back(std::move(result).value());
  }
  if (options.format == OutputFormat::Json) print_json(boost::json::object{{"data", std::move(done)}});
  return code;
}

// What would mix two things on one stream, or put two results in one place.
std::string misfit(const DataOptions& options) {
  bool to_stdout = options.output == kStandardStream ||
                   (options.output.empty() &&
                    std::find(options.files.begin(), options.files.end(), kStandardStream) != options.files.end());
  if (options.format == OutputFormat::Json && to_stdout)
    return "-o json and data on standard output do not go together";
  if (!options.output.empty() && options.files.size() > 1) return "--out takes one file: give the files one at a time";
  return "";
}

std::string check_context(const std::string& pair) {
  return pair.find('=') == std::string::npos ? "a context entry is NAME=VALUE" : "";
}

void add(CLI::App& app, Chosen& chosen, Direction direction, const std::string& summary,
         const std::vector<std::string>& examples) {
  auto options = std::make_shared<DataOptions>();
  auto* command = add_command(app, std::string(verb(direction)), summary, examples);
  add_connection_options(*command, options->connection, "LATCHKEY_WORKSPACE_KEY");
  add_output_option(*command, options->format);
  command->add_option("--workspace", options->workspace_id, "The workspace, wrkspc_... (or LATCHKEY_WORKSPACE_ID)")
      ->envname("LATCHKEY_WORKSPACE_ID")
      ->required();
  command
      ->add_option("--context", options->context,
                   "NAME=VALUE, as often as needed: bound to the data, not stored; the same is needed to decrypt")
      ->check(check_context);
  command->add_option("--out", options->output, "Where the result goes (default: FILE.lk, or FILE without .lk)");
  command->add_flag("--force", options->force, "Replace a file that exists");
  options->files = {std::string(kStandardStream)};
  command->add_option("FILE", options->files, "Files; - is standard input (default)");
  command->callback([&chosen, options, direction] {
    if (auto reason = misfit(*options); !reason.empty()) throw CLI::ValidationError(reason);
    chosen.action = [options, direction] {
      return with_client(options->connection, options->format,
                         [&](ApiClient& client) { return process(client, *options, direction); });
    };
  });
}

}  // namespace

void add_data_commands(CLI::App& app, Chosen& chosen) {
  add(app, chosen, Direction::Encrypt, "Encrypt files or standard input for a workspace",
      {"latchkey encrypt report.pdf", "echo secret | latchkey encrypt --context table=users > secret.lk"});
  add(app, chosen, Direction::Decrypt, "Decrypt what encrypt made",
      {"latchkey decrypt report.pdf.lk --out -  > report.pdf", "latchkey decrypt --context table=users < secret.lk"});
}

}  // namespace latchkey::cli
