#include <algorithm>
#include <iostream>

#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "cli/admin_command.hpp"
#include "cli/confirm.hpp"
#include "cli/data_key_commands.hpp"

namespace latchkey::cli {

namespace {

constexpr std::string_view kWorkspacesPath = "/v1/organizations/workspaces";

struct WorkspaceOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  std::string id;
  std::string name;
  std::string external_key_id;
  std::vector<std::string> tags;
  bool include_archived = false;
  bool yes = false;
  std::size_t limit = 0;
};

std::string path_of(const WorkspaceOptions& options, std::string_view tail = {}) {
  return fmt::format("{}/{}{}", kWorkspacesPath, percent_encode(options.id), tail);
}

ExitCode show_workspace(const WorkspaceOptions& options, const Result<boost::json::object>& workspace) {
  if (!workspace) return report_error(workspace.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(workspace.value());
    return ExitCode::Ok;
  }
  std::vector<std::pair<std::string, std::string>> fields;
  for (std::string_view name :
       {"id", "name", "external_key_id", "compartment_id", "created_at", "archived_at", "tags"}) {
    fields.emplace_back(name, text_at(workspace.value(), name));
  }
  print_fields(fields);
  return ExitCode::Ok;
}

ExitCode create_workspace(ApiClient& client, const WorkspaceOptions& options) {
  boost::json::object body{{"name", options.name}};
  if (!options.external_key_id.empty()) body["external_key_id"] = options.external_key_id;
  if (!options.tags.empty()) {
    auto tags = read_pairs("--tag", options.tags);
    if (!tags) {
      static_cast<void>(report_error(tags.error(), options.format));
      return ExitCode::Usage;
    }
    body["tags"] = boost::json::value_from(tags.value());
  }
  return show_workspace(options, client.call("POST", kWorkspacesPath, body));
}

ExitCode list_workspaces(ApiClient& client, const WorkspaceOptions& options) {
  auto path = fmt::format("{}?include_archived={}&include_default=true", kWorkspacesPath, options.include_archived);
  auto workspaces = collect_pages(client, path, PageStyle::AfterId, options.limit);
  if (!workspaces) return report_error(workspaces.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"data", workspaces.value()}});
    return ExitCode::Ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& workspace : workspaces.value()) {
    auto key = text_at(workspace, "external_key_id");
    rows.push_back({text_at(workspace, "id"), key.empty() ? "-" : key,
                    text_at(workspace, "archived_at").empty() ? "live" : "archived", text_at(workspace, "name")});
  }
  print_table({"ID", "EXTERNAL KEY", "STATE", "NAME"}, rows);
  return ExitCode::Ok;
}

ExitCode get_workspace(ApiClient& client, const WorkspaceOptions& options) {
  return show_workspace(options, client.call("GET", path_of(options)));
}

ExitCode change_for_good(ApiClient& client, const WorkspaceOptions& options, const std::string& question,
                         const std::string& path, const std::optional<boost::json::object>& body,
                         const std::string& waiting_for) {
  if (auto end = unless_confirmed(options.yes, question, options.format)) return *end;
  auto changed = [&] {
    Waiting waiting(waiting_for);
    return client.call("POST", path, body);
  }();
  return show_workspace(options, changed);
}

ExitCode attach_key(ApiClient& client, const WorkspaceOptions& options) {
  auto question = fmt::format(
      "Attaching {} to {} is for good: it can be neither detached nor replaced, and if the key is "
      "lost, so is the data written from now on.",
      options.external_key_id, options.id);
  return change_for_good(client, options, question, path_of(options),
                         boost::json::object{{"external_key_id", options.external_key_id}}, "validating the key");
}

ExitCode archive_workspace(ApiClient& client, const WorkspaceOptions& options) {
  auto question = fmt::format(
      "Archiving {} is for good: its API keys are revoked at once, and nothing can be encrypted "
      "in it any more.",
      options.id);
  return change_for_good(client, options, question, path_of(options, "/archive"), std::nullopt, "archiving");
}

std::string check_tag(const std::string& tag) {
  auto equals = tag.find('=');
  return equals == std::string::npos || equals == 0 ? "a tag is NAME=VALUE" : "";
}

}  // namespace

void add_workspace_commands(CLI::App& app, Chosen& chosen) {
  auto* group = add_group(app, "workspaces", "Workspaces: create, list, attach a customer's key, archive, shred");
  auto options = std::make_shared<WorkspaceOptions>();
  const std::string kId = "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ";

  auto* create = add_admin_command(*group, chosen, options, "create", "Create a workspace",
                                   {"latchkey workspaces create 'Contoso' --tag env=prod"}, create_workspace);
  create->add_option("NAME", options->name, "The workspace's name")->required();
  create->add_option("--external-key", options->external_key_id, "Attach this key, for good; validated first");
  create->add_option("--tag", options->tags, "NAME=VALUE, as often as needed")->check(check_tag);

  auto* list = add_admin_command(*group, chosen, options, "list", "List the organisation's workspaces",
                                 {"latchkey workspaces list --include-archived"}, list_workspaces);
  list->add_flag("--include-archived", options->include_archived, "Archived ones too");
  list->add_option("--limit", options->limit, "At most so many (default: all)");

  auto* get = add_admin_command(*group, chosen, options, "get", "Show a workspace", {"latchkey workspaces get " + kId},
                                get_workspace);
  auto* attach = add_admin_command(
      *group, chosen, options, "attach", "Attach a customer's key to a workspace, for good",
      {"latchkey workspaces attach " + kId + " --external-key ekey_01SDCCSbTxrXDpWc1phhtcfK"}, attach_key);
  attach->add_option("--external-key", options->external_key_id, "The key, ekey_...")->required();
  auto* archive = add_admin_command(*group, chosen, options, "archive", "Archive a workspace, for good",
                                    {"latchkey workspaces archive " + kId}, archive_workspace);
  for (auto* command : {get, attach, archive}) {
    command->add_option("ID", options->id, "The workspace, wrkspc_...")->required();
  }
  for (auto* command : {attach, archive}) command->add_flag("-y,--yes", options->yes, "Do not ask");
  add_shred_command(*group, chosen);
}

}  // namespace latchkey::cli
