#include <algorithm>
#include <iostream>
#include <map>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "cli/admin_command.hpp"
#include "cli/confirm.hpp"
#include "cli/connection.hpp"
#include "cli/data_key_commands.hpp"
#include "cli/key_options_of_cloud.hpp"

namespace latchkey::cli {

namespace {

constexpr std::string_view kKeysPath = "/v1/organizations/external_keys";

struct KeyOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  std::string id;
  std::vector<std::shared_ptr<KeyOptionsOfCloud>> clouds;
  std::string name;
  std::string reason;
  bool yes = false;
  std::size_t limit = 0;
};

std::string path_of(const KeyOptions& options, std::string_view tail = {}) {
  return fmt::format("{}/{}{}", kKeysPath, percent_encode(options.id), tail);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// What a cloud shows of its own key; nothing of the key of a cloud that this program does not know.
Fields fields_of_cloud(const KeyOptions& options, const boost::json::value& key) {
  auto type = text_at(key, "provider_config.type");
  for (const auto& cloud : options.clouds) {
    if (cloud->type() == type) return cloud->fields(key.at("provider_config"));
  }
  return {};
}

std::string field(const Fields& fields, std::string_view name) {
  auto found = std::ranges::find(fields, name, &Fields::value_type::first);
  return found == fields.end() ? "" : found->second;
}

void print_key(const KeyOptions& options, const boost::json::object& key) {
  Fields fields{
      {"id", text_at(key, "id")},
      {"display name", text_at(key, "display_name")},
      {"attachment", text_at(key, "attachment.type")},
      {"provider", text_at(key, "provider_config.type")},
  };
  for (auto& field : fields_of_cloud(options, key)) fields.push_back(std::move(field));
  fields.emplace_back("created", text_at(key, "created_at"));
  fields.emplace_back("updated", text_at(key, "updated_at"));
  print_fields(fields);
}

ExitCode show_key(const KeyOptions& options, const Result<boost::json::object>& key) {
  if (!key) return report_error(key.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(key.value());
  } else {
    print_key(options, key.value());
  }
  return ExitCode::Ok;
}

// The key that the command line names; absent where it names none. Invalid where it names keys of two clouds.
Result<std::optional<boost::json::object>> named_key(const KeyOptions& options) {
  std::optional<boost::json::object> named;
  for (const auto& cloud : options.clouds) {
    if (!cloud->given()) continue;
    if (named) return Error{ErrorCode::Invalid, "the options name keys of two clouds: leave one of them out"};
    named = cloud->provider_config();
  }
  return named;
}

ExitCode usage_error(const KeyOptions& options, const Error& error) {
  static_cast<void>(report_error(error, options.format));
  return ExitCode::Usage;
}

ExitCode create_key(ApiClient& client, const KeyOptions& options) {
  auto named = named_key(options);
  if (!named) return usage_error(options, named.error());
  if (!named.value()) {
    return usage_error(options,
                       Error{ErrorCode::Invalid, "no key to register: name one (latchkey keys create --help)"});
  }
  boost::json::object body{{"geo", "us"}, {"provider_config", *named.value()}};
  if (!options.name.empty()) body["display_name"] = options.name;
  return show_key(options, client.call("POST", kKeysPath, body));
}

Style style_of(std::string_view state) {
  if (state == "healthy") return Style::Good;
  if (state == "degraded" || state == "unknown") return Style::Warn;
  return Style::Bad;
}

// The state of each key's health, by its id; empty where the server cannot tell.
std::map<std::string, std::string> states_of_keys(ApiClient& client, std::size_t limit) {
  std::map<std::string, std::string> states;
  auto list = collect_pages(client, "/v1/organizations/external_key_health", PageStyle::NextPage, limit);
  if (!list) return states;
  for (const auto& health : list.value()) states[text_at(health, "external_key_id")] = text_at(health, "state");
  return states;
}

ExitCode list_keys(ApiClient& client, const KeyOptions& options) {
  auto keys = collect_pages(client, kKeysPath, PageStyle::NextPage, options.limit);
  if (!keys) return report_error(keys.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"data", keys.value()}});
    return ExitCode::Ok;
  }
  auto states = states_of_keys(client, options.limit);
  std::vector<std::vector<std::string>> rows;
  for (const auto& key : keys.value()) {
    auto state = states.find(text_at(key, "id"));
    auto of_cloud = fields_of_cloud(options, key);
    rows.push_back({text_at(key, "id"), text_at(key, "attachment.type"), state == states.end() ? "-" : state->second,
                    field(of_cloud, "key"), field(of_cloud, "vault"), text_at(key, "display_name")});
  }
  print_table({"ID", "ATTACHMENT", "HEALTH", "KEY", "VAULT", "NAME"}, rows);
  return ExitCode::Ok;
}

ExitCode get_key(ApiClient& client, const KeyOptions& options) {
  return show_key(options, client.call("GET", path_of(options)));
}

ExitCode update_key(ApiClient& client, const KeyOptions& options) {
  auto named = named_key(options);
  if (!named) return usage_error(options, named.error());
  boost::json::object body;
  if (!options.name.empty()) body["display_name"] = options.name;
  if (named.value()) body["provider_config"] = *named.value();
  return show_key(options, client.call("POST", path_of(options), body));
}

ExitCode delete_key(ApiClient& client, const KeyOptions& options) {
  auto response = client.call("DELETE", path_of(options));
  if (!response) return report_error(response.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(response.value());
  } else {
    std::cout << "deleted " << options.id << "; the key in the vault is untouched\n";
  }
  return ExitCode::Ok;
}

ExitCode validate_key(ApiClient& client, const KeyOptions& options) {
  auto response = [&] {
    Waiting waiting(fmt::format("wrapping and unwrapping with {}", options.id));
    return client.call("POST", path_of(options, "/validate"), boost::json::object{});
  }();
  if (!response) return report_error(response.error(), options.format);
  bool valid = text_at(response.value(), "status") == "success";
  if (options.format == OutputFormat::Json) {
    print_json(response.value());
  } else if (valid) {
    std::cout << styled(Style::Good, "success") << ": wrapped and unwrapped with the key\n";
  } else {
    std::cout << styled(Style::Bad, "failure") << ": " << text_at(response.value(), "error") << '\n';
    auto why = text_at(response.value(), "reason");
    if (!why.empty()) std::cout << "the reason: " << why << " (latchkey explain " << why << ")\n";
  }
  return valid ? ExitCode::Ok : ExitCode::Failed;
}

ExitCode show_health(const KeyOptions& options, const Result<boost::json::object>& health) {
  if (!health) return report_error(health.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(health.value());
    return ExitCode::Ok;
  }
  auto state = text_at(health.value(), "state");
  std::vector<std::pair<std::string, std::string>> fields{{"key", text_at(health.value(), "external_key_id")},
                                                          {"state", styled(style_of(state), state)}};
  for (std::string_view name : {"since", "reason", "cause", "cure", "last_checked_at", "last_success_at"}) {
    if (auto text = text_at(health.value(), name); !text.empty()) fields.emplace_back(name, text);
  }
  print_fields(fields);
  return ExitCode::Ok;
}

ExitCode key_health(ApiClient& client, const KeyOptions& options) {
  return show_health(options, client.call("GET", path_of(options, "/health")));
}

ExitCode suspend_key(ApiClient& client, const KeyOptions& options) {
  auto question = fmt::format(
      "Suspending {} stops every encrypt and decrypt under it at once, in all workspaces, until it is resumed.",
      options.id);
  if (auto end = unless_confirmed(options.yes, question, options.format)) return *end;
  boost::json::object body;
  if (!options.reason.empty()) body["reason"] = options.reason;
  return show_health(options, client.call("POST", path_of(options, "/suspend"), body));
}

ExitCode resume_key(ApiClient& client, const KeyOptions& options) {
  return show_health(options, client.call("POST", path_of(options, "/resume"), boost::json::object{}));
}

// With one cloud, CLI11 itself demands the options; with several, create_key does.
void add_cloud_options(CLI::App& command, KeyOptions& options, bool required) {
  for (const auto& cloud : options.clouds) cloud->add_options(command, required && options.clouds.size() == 1);
}

std::vector<std::string> examples_of_create(const KeyOptions& options) {
  std::vector<std::string> examples;
  for (const auto& cloud : options.clouds) {
    for (auto& line : cloud->example()) examples.push_back(std::move(line));
  }
  return examples;
}

}  // namespace

void add_key_commands(CLI::App& app, Chosen& chosen, std::vector<std::shared_ptr<KeyOptionsOfCloud>> clouds) {
  auto* group = add_group(app, "keys", "Customers' keys: register, validate, watch, suspend, list, change, delete");
  auto options = std::make_shared<KeyOptions>();
  options->clouds = std::move(clouds);
  auto* create = add_admin_command(*group, chosen, options, "create", "Register a customer's key",
                                   examples_of_create(*options), create_key);
  add_cloud_options(*create, *options, true);
  create->add_option("--name", options->name, "A name for people");

  auto* list = add_admin_command(*group, chosen, options, "list", "List the organisation's keys, newest first",
                                 {"latchkey keys list", "latchkey keys list -o json | jq -r '.data[].id'"}, list_keys);
  list->add_option("--limit", options->limit, "Show at most so many (default: all)");

  const std::string kId = "ekey_01SDCCSbTxrXDpWc1phhtcfK";
  auto* get = add_admin_command(*group, chosen, options, "get", "Show a key", {"latchkey keys get " + kId}, get_key);
  auto* update =
      add_admin_command(*group, chosen, options, "update", "Rename a key, or change it while no workspace uses it",
                        {"latchkey keys update " + kId + " --name 'Contoso EU'"}, update_key);
  add_cloud_options(*update, *options, false);
  update->add_option("--name", options->name, "A name for people");
  auto* remove =
      add_admin_command(*group, chosen, options, "delete", "Delete a key's registration (not the key in the vault)",
                        {"latchkey keys delete " + kId}, delete_key);
  auto* validate = add_admin_command(*group, chosen, options, "validate",
                                     "Wrap and unwrap with the key, now; exit code 1 where it fails",
                                     {"latchkey keys validate " + kId}, validate_key);
  auto* health =
      add_admin_command(*group, chosen, options, "health", "Show how well a key serves, since when, and why",
                        {"latchkey keys health " + kId, "latchkey keys health " + kId + " -o json"}, key_health);
  auto* suspend =
      add_admin_command(*group, chosen, options, "suspend", "Stop all access under a key, at once, until it is resumed",
                        {"latchkey keys suspend " + kId + " --reason 'incident 4711'"}, suspend_key);
  suspend->add_option("--reason", options->reason, "The server tells this to everybody whom it refuses");
  suspend->add_flag("-y,--yes", options->yes, "Do not ask");
  auto* resume = add_admin_command(*group, chosen, options, "resume", "End a suspension",
                                   {"latchkey keys resume " + kId}, resume_key);
  for (auto* command : {get, update, remove, validate, health, suspend, resume}) {
    command->add_option("ID", options->id, "The key, ekey_...")->required();
  }
  add_rewrap_command(*group, chosen);
}

}  // namespace latchkey::cli
