#include <fmt/format.h>

#include "base/encoding.hpp"
#include "cli/command.hpp"
#include "cli/json_view.hpp"

namespace latchkey::cli {

namespace {

constexpr std::size_t kDefaultLimit = 50;

struct ActivityOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  std::vector<std::string> types;
  std::string since;
  std::size_t limit = kDefaultLimit;
};

// The id of what the activity is about: the first id among the fields that its type adds.
std::string subject(const boost::json::value& activity) {
  for (std::string_view field : {"external_key_id", "workspace_id", "api_key_id"}) {
    if (auto text = text_at(activity, field); !text.empty()) return text;
  }
  return "";
}

ExitCode list_activities(ApiClient& client, const ActivityOptions& options) {
  std::string path = "/v1/compliance/activities?";
  for (const auto& type : options.types) path += fmt::format("activity_types[]={}&", percent_encode(type));
  if (!options.since.empty()) path += fmt::format("created_at.gte={}&", percent_encode(options.since));
  path.pop_back();
  auto activities = collect_pages(client, path, PageStyle::AfterId, options.limit);
  if (!activities) return report_error(activities.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"data", activities.value()}});
    return ExitCode::Ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& activity : activities.value()) {
    rows.push_back({text_at(activity, "created_at"), text_at(activity, "type"), subject(activity),
                    text_at(activity, "validation_result"), text_at(activity, "actor.ip_address")});
  }
  print_table({"TIME", "TYPE", "ABOUT", "RESULT", "FROM"}, rows);
  return ExitCode::Ok;
}

}  // namespace

void add_activity_commands(CLI::App& app, Chosen& chosen) {
  auto* group = add_group(app, "activity", "The activity feed: who did what");
  auto options = std::make_shared<ActivityOptions>();
  auto* list =
      add_command(*group, "list", "List activities, newest first",
                  {"latchkey activity list", "latchkey activity list --type org_external_key_validated -o json"});
  add_connection_options(*list, options->connection, "LATCHKEY_ADMIN_KEY");
  add_output_option(*list, options->format);
  list->add_option("--type", options->types, "Show only activities of this type; may be given several times");
  list->add_option("--since", options->since, "Show only activities from this RFC 3339 time on");
  list->add_option("--limit", options->limit, "Show at most so many; 0: all")->capture_default_str();
  list->callback([&chosen, options] {
    chosen.action = [options] {
      return with_client(options->connection, options->format,
                         [&](ApiClient& client) { return list_activities(client, *options); });
    };
  });
}

}  // namespace latchkey::cli
