// The life of data keys: `data-keys list`, `keys rewrap`, `workspaces shred`.
#include "cli/data_key_commands.hpp"

#include <chrono>
#include <iostream>
#include <thread>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "cli/admin_command.hpp"
#include "cli/confirm.hpp"
#include "cli/connection.hpp"
#include "cli/json_view.hpp"
#include "terminal/progress_bar.hpp"

namespace latchkey::cli {

namespace {

constexpr std::chrono::milliseconds kPollPeriod{500};

struct DataKeyOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  std::string id;
  std::string confirm_name;
  std::size_t limit = 0;
  bool yes = false;
  bool pauses = false;
  bool asks_status = false;
  bool does_not_wait = false;
};

std::string workspace_path(const DataKeyOptions& options, std::string_view tail) {
  return fmt::format("/v1/organizations/workspaces/{}{}", percent_encode(options.id), tail);
}

std::string rewrap_path(const DataKeyOptions& options, std::string_view tail = {}) {
  return fmt::format("/v1/organizations/external_keys/{}/rewrap{}", percent_encode(options.id), tail);
}

std::uint64_t number_at(const boost::json::value& value, std::string_view path) {
  auto text = text_at(value, path);
  return text.empty() ? 0 : std::strtoull(text.c_str(), nullptr, 10);
}

// The last part of a version's name, which tells versions of one key apart.
std::string short_version(const std::string& version) {
  auto slash = version.rfind('/');
  return slash == std::string::npos ? version : version.substr(slash + 1);
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

ExitCode list_data_keys(ApiClient& client, const DataKeyOptions& options) {
  auto keys = collect_pages(client, workspace_path(options, "/data_keys"), PageStyle::NextPage, options.limit);
  if (!keys) return report_error(keys.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"data", keys.value()}});
    return ExitCode::Ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& key : keys.value()) {
    rows.push_back({text_at(key, "id"), text_at(key, "state"), or_dash(text_at(key, "external_key_id")),
                    short_version(text_at(key, "key_version")), text_at(key, "created_at"),
                    or_dash(text_at(key, "last_used_at"))});
  }
  print_table({"ID", "STATE", "EXTERNAL KEY", "KEY VERSION", "CREATED", "LAST USED"}, rows);
  return ExitCode::Ok;
}

ExitCode show_rewrap(const DataKeyOptions& options, const boost::json::object& progress) {
  auto status = text_at(progress, "status");
  auto code = status == "stopped" ? ExitCode::Failed : ExitCode::Ok;
  if (options.format == OutputFormat::Json) {
    print_json(progress);
    return code;
  }
  auto message = text_at(progress, "error.message");
  std::vector<std::pair<std::string, std::string>> fields{
      {"status", status},
      {"data keys", fmt::format("{} of {} under the newest version", number_at(progress, "data_keys.done"),
                                number_at(progress, "data_keys.total"))},
      {"version", text_at(progress, "target_version")}};
  if (!message.empty()) fields.emplace_back(status == "running" ? "waits" : "error", message);
  print_fields(fields);
  if (status == "completed") std::cout << "older versions of the key may be disabled now\n";
  return code;
}

// Shows the progress until the rewrap no longer runs.
ExitCode watch_rewrap(ApiClient& client, const DataKeyOptions& options, boost::json::object progress) {
  std::atomic<std::uint64_t> done{number_at(progress, "data_keys.done")};
  {
    terminal::ProgressBar bar("rewrapping data keys", done, number_at(progress, "data_keys.total"),
                              terminal::ProgressUnit::Items);
    while (text_at(progress, "status") == "running") {
      std::this_thread::sleep_for(kPollPeriod);
      auto response = client.call("GET", rewrap_path(options));
      if (!response) return report_error(response.error(), options.format);
      progress = std::move(response.value());
      done = number_at(progress, "data_keys.done");
    }
  }
  return show_rewrap(options, progress);
}

ExitCode rewrap(ApiClient& client, const DataKeyOptions& options) {
  auto response = options.asks_status ? client.call("GET", rewrap_path(options))
                  : options.pauses    ? client.call("POST", rewrap_path(options, "/pause"))
                                      : client.call("POST", rewrap_path(options));
  if (!response) return report_error(response.error(), options.format);
  if (options.asks_status || options.pauses || options.does_not_wait) return show_rewrap(options, response.value());
  return watch_rewrap(client, options, std::move(response.value()));
}

// The name as the person typed it; nothing where the person typed another one.
Result<std::optional<std::string>> typed_name(const DataKeyOptions& options, const boost::json::object& workspace) {
  if (!options.confirm_name.empty()) return std::optional(options.confirm_name);
  if (options.yes || !can_ask()) {
    return Error{ErrorCode::Invalid,
                 "shredding cannot be undone by anybody: say --confirm-name with the workspace's name if you mean it "
                 "(--yes is not enough)"};
  }
  std::cerr << fmt::format(
      "Shredding {} destroys its data keys: everything that was ever encrypted in it is lost for good, to you and to "
      "your customer. Type the workspace's name to go on: ",
      text_at(workspace, "id"));
  std::cerr.flush();
  std::string typed;
  std::getline(std::cin, typed);
  if (typed == text_at(workspace, "name")) return std::optional(std::move(typed));
  return std::optional<std::string>();
}

ExitCode shred_workspace(ApiClient& client, const DataKeyOptions& options) {
  auto workspace = client.call("GET", workspace_path(options, ""));
  if (!workspace) return report_error(workspace.error(), options.format);
  auto name = typed_name(options, workspace.value());
  if (!name) {
    static_cast<void>(report_error(name.error(), options.format));
    return ExitCode::Usage;
  }
  if (!name.value()) {
    std::cerr << "that is not its name; nothing was changed\n";
    return ExitCode::Failed;
  }
  auto shredded = client.call("POST", workspace_path(options, "/shred"), boost::json::object{{"name", *name.value()}});
  if (!shredded) return report_error(shredded.error(), options.format);
  const auto& outcome = shredded.value();
  if (options.format == OutputFormat::Json) {
    print_json(outcome);
    return ExitCode::Ok;
  }
  std::cout << fmt::format(
      "shredded {}: {} data keys are destroyed.\nUnreadable from now on: {} records ({}) that this server has "
      "encrypted, "
      "and all that was encrypted elsewhere with keys on lease.\nBackups of the database still hold the wrapped keys: "
      "let them expire.\n",
      options.id, number_at(outcome, "data_keys"), number_at(outcome, "records"),
      terminal::format_bytes(static_cast<double>(number_at(outcome, "bytes"))));
  return ExitCode::Ok;
}

}  // namespace

void add_data_key_commands(CLI::App& app, Chosen& chosen) {
  auto* group = add_group(app, "data-keys", "The data keys of a workspace");
  auto options = std::make_shared<DataKeyOptions>();
  auto* list = add_admin_command(
      *group, chosen, options, "list", "List a workspace's data keys, newest first; never their material",
      {"latchkey data-keys list --workspace wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ -o json"}, list_data_keys);
  list->add_option("--workspace", options->id, "The workspace, wrkspc_...")->required();
  list->add_option("--limit", options->limit, "Show at most so many (default: all)");
}

void add_rewrap_command(CLI::App& keys_group, Chosen& chosen) {
  auto options = std::make_shared<DataKeyOptions>();
  const std::string kId = "ekey_01SDCCSbTxrXDpWc1phhtcfK";
  auto* command =
      add_admin_command(keys_group, chosen, options, "rewrap",
                        "Rewrap a key's data keys to its newest version, so that older ones may be disabled",
                        {"latchkey keys rewrap " + kId, "latchkey keys rewrap " + kId + " --pause"}, rewrap);
  command->add_option("ID,--key", options->id, "The key, ekey_...")->required();
  auto* pause = command->add_flag("--pause", options->pauses, "Pause the rewrap; without --pause it continues");
  auto* status = command->add_flag("--status", options->asks_status, "Only show the progress");
  auto* no_wait =
      command->add_flag("--no-wait", options->does_not_wait, "Start the rewrap and do not wait for its end");
  pause->excludes(status)->excludes(no_wait);
  status->excludes(no_wait);
}

void add_shred_command(CLI::App& workspaces_group, Chosen& chosen) {
  auto options = std::make_shared<DataKeyOptions>();
  const std::string kId = "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ";
  auto* command = add_admin_command(
      workspaces_group, chosen, options, "shred",
      "Destroy the data keys of an archived workspace: nobody can ever read its data again",
      {"latchkey workspaces shred " + kId, "latchkey workspaces shred " + kId + " --confirm-name Contoso"},
      shred_workspace);
  command->add_option("ID", options->id, "The workspace, wrkspc_...")->required();
  command->add_option("--confirm-name", options->confirm_name, "The workspace's name, instead of typing it");
  command->add_flag("-y,--yes", options->yes, "Not enough here: see --confirm-name");
}

}  // namespace latchkey::cli
