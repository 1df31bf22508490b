#include <iostream>

#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "cli/admin_command.hpp"
#include "server/config.hpp"
#include "terminal/standard_streams.hpp"

namespace latchkey::cli {

namespace {

constexpr std::string_view kWebhooksPath = "/v1/organizations/webhooks";
constexpr std::size_t kMostUrl = 4096;

struct WebhookOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  std::string id;
  std::string url;
  std::string description;
  std::vector<std::string> events;
  std::string overlap = "24h";
  std::size_t limit = 20;
};

std::string path_of(const WebhookOptions& options, std::string_view tail = {}) {
  return fmt::format("{}/{}{}", kWebhooksPath, percent_encode(options.id), tail);
}

std::string events_of(const boost::json::value& endpoint) {
  std::string names;
  const auto* events = endpoint.as_object().if_contains("events");
  if (events == nullptr || !events->is_array()) return names;
  for (const auto& event : events->get_array()) {
    if (!names.empty()) names += ", ";
    names += text_at(event, "");
  }
  return names;
}

std::string status_of(const boost::json::value& endpoint) {
  auto status = text_at(endpoint, "status");
  return styled(status == "enabled" || status == "delivered" ? Style::Good : Style::Warn, status);
}

void print_endpoint(const boost::json::object& endpoint) {
  std::vector<std::pair<std::string, std::string>> fields{{"id", text_at(endpoint, "id")},
                                                          {"url", text_at(endpoint, "url")},
                                                          {"events", events_of(endpoint)},
                                                          {"status", status_of(endpoint)}};
  for (const auto& [label, name] : {std::pair("description", "description"), std::pair("disabled", "disabled_reason"),
                                    std::pair("secret before", "previous_secret_expires_at"),
                                    std::pair("created", "created_at"), std::pair("updated", "updated_at")}) {
    auto text = text_at(endpoint, name);
    if (std::string_view(name) == "previous_secret_expires_at" && !text.empty()) text.insert(0, "signs as well until ");
    if (!text.empty()) fields.emplace_back(label, text);
  }
  print_fields(fields);
}

ExitCode show_endpoint(const WebhookOptions& options, const Result<boost::json::object>& endpoint) {
  if (!endpoint) return report_error(endpoint.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(endpoint.value());
    return ExitCode::Ok;
  }
  print_endpoint(endpoint.value());
  if (auto secret = text_at(endpoint.value(), "secret"); !secret.empty()) {
    std::cerr << "\nThe secret that the receiver checks signatures with. It is not shown again:\n";
    std::cout << secret << '\n';
  }
  return ExitCode::Ok;
}

// A URL may contain a secret, and others can read a command line, so a person may pass the URL on standard input.
Result<std::string> url_of(const WebhookOptions& options) {
  if (options.url != "-") return options.url;
  std::string url;
  std::getline(std::cin, url);
  if (!url.empty() && url.size() <= kMostUrl) return url;
  return Error{ErrorCode::Invalid,
               "There is no URL on standard input",
               {},
               "Give one line: printf '%s' \"$URL\" | latchkey webhooks add -"};
}

ExitCode add_webhook(ApiClient& client, const WebhookOptions& options) {
  auto url = url_of(options);
  if (!url) return report_error(url.error(), options.format);
  boost::json::object body{{"url", url.value()}};
  if (!options.description.empty()) body["description"] = options.description;
  if (!options.events.empty()) body["events"] = boost::json::value_from(options.events);
  auto made = client.call("POST", kWebhooksPath, body);
  auto code = show_endpoint(options, made);
  auto seen = terminal::flush_output();
  if (code != ExitCode::Ok || seen) return code;
  // An endpoint whose secret nobody has is useless.
  auto id = text_at(made.value(), "id");
  auto removed = client.call("DELETE", fmt::format("{}/{}", kWebhooksPath, percent_encode(id)));
  auto outcome = removed ? fmt::format("{} was removed again, for its secret is shown once alone", id)
                         : fmt::format(
                               "{0} is there, and nobody has seen its secret: latchkey webhooks rotate {0} "
                               "shows another",
                               id);
  return report_error(unseen(seen.error(), outcome), options.format);
}

ExitCode list_webhooks(ApiClient& client, const WebhookOptions& options) {
  auto endpoints = collect_pages(client, kWebhooksPath, PageStyle::NextPage, 0);
  if (!endpoints) return report_error(endpoints.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"data", endpoints.value()}});
    return ExitCode::Ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& endpoint : endpoints.value()) {
    rows.push_back({text_at(endpoint, "id"), text_at(endpoint, "status"), events_of(endpoint), text_at(endpoint, "url"),
                    text_at(endpoint, "description")});
  }
  print_table({"ID", "STATUS", "EVENTS", "URL", "DESCRIPTION"}, rows);
  return ExitCode::Ok;
}

ExitCode get_webhook(ApiClient& client, const WebhookOptions& options) {
  return show_endpoint(options, client.call("GET", path_of(options)));
}

ExitCode set_status(ApiClient& client, const WebhookOptions& options, std::string_view status) {
  return show_endpoint(options, client.call("POST", path_of(options), boost::json::object{{"status", status}}));
}
ExitCode enable_webhook(ApiClient& client, const WebhookOptions& options) {
  return set_status(client, options, "enabled");
}
ExitCode disable_webhook(ApiClient& client, const WebhookOptions& options) {
  return set_status(client, options, "disabled");
}

ExitCode remove_webhook(ApiClient& client, const WebhookOptions& options) {
  auto response = client.call("DELETE", path_of(options));
  if (!response) return report_error(response.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(response.value());
  } else {
    std::cout << "removed " << options.id << ", with its deliveries\n";
  }
  return ExitCode::Ok;
}

ExitCode rotate_secret(ApiClient& client, const WebhookOptions& options) {
  auto overlap = server::parse_duration(options.overlap);
  if (!overlap) return report_error(overlap.error(), options.format);
  auto seconds = std::chrono::ceil<std::chrono::seconds>(overlap.value()).count();
  auto code = show_endpoint(options, client.call("POST", path_of(options, "/rotate_secret"),
                                                 boost::json::object{{"overlap_seconds", seconds}}));
  auto seen = terminal::flush_output();
  if (code != ExitCode::Ok || seen) return code;
  auto cure = fmt::format("nobody has seen the new secret: latchkey webhooks rotate {} shows another", options.id);
  return report_error(unseen(seen.error(), cure), options.format);
}

ExitCode test_webhook(ApiClient& client, const WebhookOptions& options) {
  auto response = [&] {
    Waiting waiting(fmt::format("sending a test event to {}", options.id));
    return client.call("POST", path_of(options, "/test"), boost::json::object{});
  }();
  if (!response) return report_error(response.error(), options.format);
  bool delivered = text_at(response.value(), "status") == "delivered";
  if (options.format == OutputFormat::Json) {
    print_json(response.value());
  } else if (delivered) {
    std::cout << styled(Style::Good, "delivered") << ": " << text_at(response.value(), "event_id") << ", response "
              << text_at(response.value(), "last_response_status") << '\n';
  } else {
    std::cout << styled(Style::Bad, "failed") << ": " << text_at(response.value(), "last_error") << '\n';
  }
  return delivered ? ExitCode::Ok : ExitCode::Failed;
}

ExitCode list_deliveries(ApiClient& client, const WebhookOptions& options) {
  auto deliveries = collect_pages(client, path_of(options, "/deliveries"), PageStyle::NextPage, options.limit);
  if (!deliveries) return report_error(deliveries.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(boost::json::object{{"data", deliveries.value()}});
    return ExitCode::Ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& delivery : deliveries.value()) {
    auto next = text_at(delivery, "next_attempt_at");
    rows.push_back({text_at(delivery, "created_at"), text_at(delivery, "event_type"), text_at(delivery, "status"),
                    text_at(delivery, "attempts"), next.empty() ? "-" : next, text_at(delivery, "event_id"),
                    text_at(delivery, "last_error")});
  }
  print_table({"CREATED", "EVENT", "STATUS", "TRIES", "NEXT TRY", "ID", "ERROR"}, rows);
  return ExitCode::Ok;
}

}  // namespace

void add_webhook_commands(CLI::App& app, Chosen& chosen) {
  auto* group = add_group(app, "webhooks", "Who is told when a customer's key fails, and when it serves again");
  auto options = std::make_shared<WebhookOptions>();
  const std::string kId = "whep_01SDCCSbTxrXDpWc1phhtcfK";
  auto* add = add_admin_command(*group, chosen, options, "add", "Send events to a URL, signed; shows the secret, once",
                                {"latchkey webhooks add https://example.com/hooks",
                                 "printf '%s' \"$URL\" | latchkey webhooks add - --event external_key.failed"},
                                add_webhook);
  add->add_option("URL", options->url, "https://...; -: standard input has it")->required();
  add->add_option("--event", options->events, "external_key.failed or external_key.recovered (default: both)");
  add->add_option("--description", options->description, "A description for people");
  add_admin_command(*group, chosen, options, "list", "List the endpoints",
                    {"latchkey webhooks list", "latchkey webhooks list -o json | jq -r '.data[].id'"}, list_webhooks);
  auto* get = add_admin_command(*group, chosen, options, "get", "Show an endpoint", {"latchkey webhooks get " + kId},
                                get_webhook);
  auto* test = add_admin_command(*group, chosen, options, "test",
                                 "Send a test event, now; exit code 1 where the endpoint does not take it",
                                 {"latchkey webhooks test " + kId}, test_webhook);
  auto* deliveries = add_admin_command(*group, chosen, options, "deliveries", "Show the deliveries, newest first",
                                       {"latchkey webhooks deliveries " + kId}, list_deliveries);
  deliveries->add_option("--limit", options->limit, "Show at most so many; 0: all")->capture_default_str();
  auto* rotate = add_admin_command(
      *group, chosen, options, "rotate", "Make a new secret; for a while the server signs with the old one, too",
      {"latchkey webhooks rotate " + kId, "latchkey webhooks rotate " + kId + " --overlap 0s  # it is known to others"},
      rotate_secret);
  rotate->add_option("--overlap", options->overlap, "How long the server signs with both: 0s to 168h")
      ->capture_default_str();
  auto* enable = add_admin_command(*group, chosen, options, "enable", "Send events again",
                                   {"latchkey webhooks enable " + kId}, enable_webhook);
  auto* disable = add_admin_command(*group, chosen, options, "disable", "Send no more events, and give up the pending",
                                    {"latchkey webhooks disable " + kId}, disable_webhook);
  auto* remove = add_admin_command(*group, chosen, options, "remove", "Remove an endpoint with its deliveries",
                                   {"latchkey webhooks remove " + kId}, remove_webhook);
  for (auto* command : {get, test, deliveries, rotate, enable, disable, remove}) {
    command->add_option("ID", options->id, "The endpoint, whep_...")->required();
  }
}

}  // namespace latchkey::cli
