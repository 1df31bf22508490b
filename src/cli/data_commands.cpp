#include <algorithm>
#include <iostream>
#include <thread>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/data_files.hpp"
#include "cli/json_view.hpp"
#include "crypto/secret.hpp"

namespace latchkey::cli {

namespace {

// More threads read and write no faster, and each needs memory.
constexpr unsigned kMostThreads = 8;

struct DataOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  DataFileOptions file_options;
  std::vector<std::string> context;
  std::vector<std::string> files;
  bool here = false;
  bool server = false;
};

ExitCode process(ApiClient& client, const DataOptions& options, Direction direction) {
  DataFiles data(client, options.file_options);
  boost::json::array done;
  auto code = ExitCode::Ok;
  for (const auto& file : options.files) {
    auto result = data.process(direction, file);
    if (!result) {
      auto error = result.error();
      error.cause = fmt::format("{}: {}", file == kStandardStream ? "standard input" : file, error.cause);
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

// Refuses options that would mix two things on one stream, or put two results in one place.
std::string misfit(const DataOptions& options) {
  const auto& output = options.file_options.output;
  bool to_stdout = output == kStandardStream || (output.empty() && std::find(options.files.begin(), options.files.end(),
                                                                             kStandardStream) != options.files.end());
  if (options.format == OutputFormat::Json && to_stdout)
    return "-o json and data on standard output do not go together";
  if (!output.empty() && options.files.size() > 1) return "--out takes one file: give the files one at a time";
  return "";
}

void finish_options(DataOptions& options) {
  auto& file_options = options.file_options;
  file_options.where = options.here ? Where::Here : options.server ? Where::Server : Where::Anywhere;
  auto context = read_pairs("--context", options.context);
  if (!context) throw CLI::ValidationError(context.error().message());
  file_options.context.insert(context.value().begin(), context.value().end());
}

void add(CLI::App& app, Chosen& chosen, Direction direction, const std::string& summary,
         const std::vector<std::string>& examples) {
  auto options = std::make_shared<DataOptions>();
  auto& file_options = options->file_options;
  auto* command = add_command(app, std::string(verb(direction)), summary, examples);
  add_connection_options(*command, options->connection, "LATCHKEY_WORKSPACE_KEY");
  add_output_option(*command, options->format);
  command->add_option("--workspace", file_options.workspace_id, "The workspace, wrkspc_... (or LATCHKEY_WORKSPACE_ID)")
      ->envname("LATCHKEY_WORKSPACE_ID")
      ->required();
  command
      ->add_option("--context", options->context,
                   "NAME=VALUE, may be given several times: bound to the data, not stored; decrypting needs the same")
      ->allow_extra_args(false);
  command->add_option("--out", file_options.output, "The file for the result (default: FILE.lk, or FILE without .lk)");
  command->add_flag("--force", file_options.replace, "Replace a file that exists");
  file_options.threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
  command->add_option("--threads", file_options.threads, "The number of threads")
      ->capture_default_str()
      ->check(CLI::Range(1U, kMostThreads));
  auto* here =
      command->add_flag("--local", options->here, "Work on this machine, with a data key on lease from the server");
  command->add_flag("--remote", options->server, "Let the server work; at most 16 MiB")->excludes(here);
  options->files = {std::string(kStandardStream)};
  command->add_option("FILE", options->files, "Files; - is standard input (default)");
  command->callback([&chosen, options, direction] {
    if (auto reason = misfit(*options); !reason.empty()) throw CLI::ValidationError(reason);
    finish_options(*options);
    chosen.action = [options, direction] {
      crypto::initialize_secret_memory();
      return with_client(options->connection, options->format,
                         [&](ApiClient& client) { return process(client, *options, direction); });
    };
  });
}

}  // namespace

void add_data_commands(CLI::App& app, Chosen& chosen) {
  add(app, chosen, Direction::Encrypt, "Encrypt files of any size, or standard input, for a workspace",
      {"latchkey encrypt report.pdf", "tar c folder | latchkey encrypt --context backup=monday > folder.tar.lk"});
  add(app, chosen, Direction::Decrypt, "Decrypt what encrypt made",
      {"latchkey decrypt report.pdf.lk --out -  > report.pdf",
       "latchkey decrypt --context backup=monday < folder.tar.lk | tar x"});
}

}  // namespace latchkey::cli
