#include <iostream>

#include <fmt/format.h>

#include "admin/credentials.hpp"
#include "base/task.hpp"
#include "cli/command.hpp"
#include "cli/serve_options.hpp"
#include "crypto/random.hpp"
#include "server/open_store.hpp"
#include "store/names.hpp"
#include "terminal/standard_streams.hpp"

namespace latchkey::cli {

namespace {

struct OrganizationOptions {
  ServeOptions serve;
  OutputFormat format = OutputFormat::Text;
  std::string name;
  std::string organization_id;
  std::string key_id;
  std::string workspace_id;
  store::Role role = store::Role::Admin;
};

constexpr std::string_view kShownOnce = "This is the only time the key is shown: keep it where secrets are kept.";

std::map<std::string, store::Role> roles() {
  std::map<std::string, store::Role> roles;
  for (auto role : store::kValues<store::Role>) roles.emplace(to_text(role), role);
  return roles;
}

std::string role_name(store::Role role) {
  return std::string(to_text(role));
}

boost::json::value optional_json(const std::optional<std::string>& text) {
  return text ? boost::json::value(*text) : boost::json::value();
}

boost::json::object key_json(const store::ApiKey& key) {
  return {{"id", key.id},
          {"type", "api_key"},
          {"name", key.name},
          {"role", role_name(key.role)},
          {"workspace_id", optional_json(key.workspace_id)},
          {"partial_key_hint", key.hint},
          {"status", key.revoked_at ? "archived" : "active"},
          {"created_at", format_timestamp(key.created_at)}};
}

void print_new_key(const OrganizationOptions& options, const admin::NewApiKey& key, const boost::json::object& more) {
  if (options.format == OutputFormat::Json) {
    auto json = key_json(key.row);
    json["key"] = key.secret;
    for (auto& field : more) json[field.key()] = field.value();
    print_json(json);
    return;
  }
  for (const auto& field : more) std::cout << field.key_c_str() << ": " << field.value().as_string().c_str() << '\n';
  std::cout << role_name(key.row.role) << " key " << key.row.id << ":\n\n  " << key.secret << "\n\n" << std::flush;
  std::cerr << kShownOnce << '\n';
}

// Revokes a key that nobody has seen.
ExitCode show_new_key(admin::Credentials& credentials, const OrganizationOptions& options, const admin::NewApiKey& key,
                      const boost::json::object& more) {
  print_new_key(options, key, more);
  auto seen = terminal::flush_output();
  if (seen) return ExitCode::Ok;
  const auto& row = key.row;
  auto revoked = run_blocking(credentials.revoke_api_key(row.organization, row.id));
  auto outcome = fmt::format(
      "{} {}, for it is shown once alone. To get another: latchkey org keys create --role {} --organization {}", row.id,
      revoked ? "was revoked again" : fmt::format("should be revoked (latchkey org keys revoke {})", row.id),
      role_name(row.role), format_uuid(row.organization));
  return report_error(unseen(seen.error(), outcome), options.format);
}

ExitCode create_organization(admin::Credentials& credentials, const OrganizationOptions& options) {
  auto created = run_blocking(credentials.create_organization(options.name, std::nullopt));
  if (!created) return report_error(created.error(), options.format);
  return show_new_key(credentials, options, created.value().admin_key,
                      {{"organization_id", format_uuid(created.value().organization.id)},
                       {"default_workspace_id", created.value().default_workspace.id}});
}

ExitCode list_organizations(admin::Credentials& credentials, const OrganizationOptions& options) {
  auto organizations = run_blocking(credentials.list_organizations());
  if (!organizations) return report_error(organizations.error(), options.format);
  boost::json::array data;
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : organizations.value()) {
    data.push_back(boost::json::object{
        {"id", format_uuid(row.id)}, {"name", row.name}, {"created_at", format_timestamp(row.created_at)}});
    rows.push_back({format_uuid(row.id), format_timestamp(row.created_at), row.name});
  }
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"data", std::move(data)}});
  } else {
    print_table({"ID", "CREATED", "NAME"}, rows);
  }
  return ExitCode::Ok;
}

// The organisation that --organization names, or the only one.
Result<Uuid> chosen_organization(admin::Credentials& credentials, const OrganizationOptions& options) {
  if (!options.organization_id.empty()) return parse_uuid(options.organization_id);
  LATCHKEY_TRY(auto organizations, run_blocking(credentials.list_organizations()));
  if (organizations.size() == 1) return organizations.front().id;
  return Error{ErrorCode::Invalid,
               organizations.empty()
                   ? "there is no organisation yet: make one with `latchkey org create NAME`"
                   : "there are several organisations: say which with --organization (`latchkey org list`)"};
}

ExitCode create_api_key(admin::Credentials& credentials, const OrganizationOptions& options) {
  auto organization = chosen_organization(credentials, options);
  if (!organization) return report_error(organization.error(), options.format);
  auto workspace = options.workspace_id.empty() ? std::nullopt : std::optional(options.workspace_id);
  auto name = options.name.empty() ? role_name(options.role) : options.name;
  auto key = run_blocking(credentials.create_api_key(organization.value(), options.role, name, workspace));
  if (!key) return report_error(key.error(), options.format);
  return show_new_key(credentials, options, key.value(), {});
}

ExitCode list_api_keys(admin::Credentials& credentials, const OrganizationOptions& options) {
  auto organization = chosen_organization(credentials, options);
  if (!organization) return report_error(organization.error(), options.format);
  auto keys = run_blocking(credentials.list_api_keys(organization.value()));
  if (!keys) return report_error(keys.error(), options.format);
  boost::json::array data;
  std::vector<std::vector<std::string>> rows;
  for (const auto& key : keys.value()) {
    data.push_back(key_json(key));
    rows.push_back({key.id, role_name(key.role), key.revoked_at ? "revoked" : "active", key.hint,
                    key.workspace_id.value_or("-"), key.name});
  }
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"data", std::move(data)}});
  } else {
    print_table({"ID", "ROLE", "STATE", "HINT", "WORKSPACE", "NAME"}, rows);
  }
  return ExitCode::Ok;
}

ExitCode revoke_api_key(admin::Credentials& credentials, const OrganizationOptions& options) {
  auto organization = chosen_organization(credentials, options);
  if (!organization) return report_error(organization.error(), options.format);
  auto revoked = run_blocking(credentials.revoke_api_key(organization.value(), options.key_id));
  if (!revoked) return report_error(revoked.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"id", options.key_id}, {"type", "api_key_revoked"}});
  } else {
    std::cout << "revoked " << options.key_id << '\n';
  }
  return ExitCode::Ok;
}

using OrganizationAction = ExitCode (*)(admin::Credentials&, const OrganizationOptions&);

ExitCode on_store(const OrganizationOptions& options, OrganizationAction action) {
  auto config = load_config(options.serve);
  if (!config) {
    static_cast<void>(report_error(config.error(), options.format));
    return ExitCode::Usage;
  }
  SystemClock clock;
  crypto::SystemRandom random;
  auto opened = server::open_store(config.value(), random, {});
  if (!opened) return report_error(opened.error(), options.format);
  admin::Credentials credentials(*opened.value().store, clock, random, config.value().most_api_keys);
  return action(credentials, options);
}

CLI::App* add(CLI::App& group, Chosen& chosen, const std::shared_ptr<OrganizationOptions>& options,
              const std::string& name, const std::string& summary, const std::vector<std::string>& examples,
              OrganizationAction action) {
  auto* command = add_command(group, name, summary, examples);
  add_config_options(*command, options->serve);
  add_output_option(*command, options->format);
  command->callback(
      [&chosen, options, action] { chosen.action = [options, action] { return on_store(*options, action); }; });
  return command;
}

}  // namespace

void add_organization_commands(CLI::App& app, Chosen& chosen) {
  auto* group = add_group(app, "org", "Organisations and API keys, on the server's own machine");
  auto options = std::make_shared<OrganizationOptions>();
  auto* create = add(*group, chosen, options, "create", "Create an organisation, with its first admin key",
                     {"latchkey org create 'Contoso' --config /etc/latchkey/latchkey.toml"}, create_organization);
  create->add_option("NAME", options->name, "The organisation's name")->required();
  add(*group, chosen, options, "list", "List the organisations", {"latchkey org list"}, list_organizations);

  auto* keys = add_group(*group, "keys", "API keys of an organisation");
  auto* create_key = add(*keys, chosen, options, "create", "Create an API key; it is shown once",
                         {"latchkey org keys create --role service --name 'file service'",
                          "latchkey org keys create --role workspace --workspace wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"},
                         create_api_key);
  create_key
      ->add_option("--role", options->role, "admin, service (all workspaces' data), workspace (one's), compliance")
      ->required()
      ->transform(CLI::CheckedTransformer(roles()).description(""))
      ->type_name("ROLE");
  create_key->add_option("--name", options->name, "A name for people");
  create_key->add_option("--workspace", options->workspace_id, "The workspace, with --role workspace");
  auto* list = add(*keys, chosen, options, "list", "List API keys", {"latchkey org keys list"}, list_api_keys);
  auto* revoke = add(*keys, chosen, options, "revoke", "Revoke an API key, at once and for good",
                     {"latchkey org keys revoke apikey_01SDCCSbTxrXDpWc1phhtcfK"}, revoke_api_key);
  revoke->add_option("ID", options->key_id, "The API key, apikey_...")->required();
  for (auto* command : {create_key, list, revoke}) {
    command->add_option("--organization", options->organization_id, "The organisation's UUID (default: the only one)");
  }
}

}  // namespace latchkey::cli
