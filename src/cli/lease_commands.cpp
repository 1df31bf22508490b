#include <iostream>

#include <fmt/format.h>

#include "cli/admin_command.hpp"
#include "server/config.hpp"

namespace latchkey::cli {

namespace {

constexpr std::string_view kLeasesPath = "/v1/organizations/me/leases";

struct LeaseOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  std::string soft;
  std::string hard;
};

double number_at(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

ExitCode show(const LeaseOptions& options, const Result<boost::json::object>& policy) {
  if (!policy) return report_error(policy.error(), options.format);
  if (options.format == OutputFormat::Json) {
    print_json(policy.value());
    return ExitCode::Ok;
  }
  const auto* inherited = policy.value().if_contains("inherited");
  bool own = inherited != nullptr && inherited->is_bool() && !inherited->as_bool();
  auto soft = number_at(policy.value(), "soft_seconds");
  auto hard = number_at(policy.value(), "hard_seconds");
  print_fields({{"a revocation takes effect within", fmt::format("{} s", soft)},
                {"an outage of the vault is bridged for", soft == hard ? "no time" : fmt::format("{} s", hard)},
                {"set by", own ? "this organisation" : "the server"}});
  return ExitCode::Ok;
}

ExitCode get_leases(ApiClient& client, const LeaseOptions& options) {
  return show(options, client.call("GET", kLeasesPath));
}

ExitCode set_leases(ApiClient& client, const LeaseOptions& options) {
  boost::json::object body;
  for (const auto& [name, text] : {std::pair("soft_seconds", options.soft), std::pair("hard_seconds", options.hard)}) {
    auto time = server::parse_duration(text);
    if (!time) return report_error(time.error(), options.format);
    body[name] = static_cast<double>(time.value().count()) / 1000;
  }
  return show(options, client.call("POST", kLeasesPath, body));
}

ExitCode reset_leases(ApiClient& client, const LeaseOptions& options) {
  return show(options, client.call("DELETE", kLeasesPath));
}

}  // namespace

void add_lease_commands(CLI::App& app, Chosen& chosen) {
  auto* group =
      add_group(app, "leases", "How soon a revocation takes effect, and how long data stays readable in an outage");
  auto options = std::make_shared<LeaseOptions>();
  add_admin_command(*group, chosen, options, "get", "Show the ages that hold for this organisation",
                    {"latchkey leases get"}, get_leases);
  auto* set = add_admin_command(
      *group, chosen, options, "set", "Set the ages for this organisation's own keys",
      {"latchkey leases set --soft 30s --hard 30m", "latchkey leases set --soft 30s --hard 30s  # no bridging"},
      set_leases);
  set->add_option("--soft", options->soft,
                  "The age up to which an unwrapped data key is used without asking: 1s to 5m, or what "
                  "the operator allows")
      ->required();
  set->add_option("--hard", options->hard, "The age up to which an outage is bridged: soft to 24h")->required();
  add_admin_command(*group, chosen, options, "reset", "Go back to the server's ages", {"latchkey leases reset"},
                    reset_leases);
}

}  // namespace latchkey::cli
