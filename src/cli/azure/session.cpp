#include "cli/azure/session.hpp"

#include <fmt/format.h>

#include "base/id.hpp"
#include "clouds/azure/customer/ip_ranges.hpp"
#include "clouds/azure/provider/retry_after.hpp"
#include "clouds/azure/provider/vault_uri.hpp"

namespace latchkey::cli::azure {

namespace {

namespace customer = clouds::azure::customer;

using http::process_variable;

std::string first_variable(std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    if (auto value = process_variable(name); !value.empty()) return value;
  }
  return "";
}

Result<customer::Target> read_target(const AzureOptions& options) {
  customer::Target target;
  LATCHKEY_TRY(target.cloud, customer::cloud_of_authority(process_variable("AZURE_AUTHORITY_HOST")));
  LATCHKEY_TRY(target.vault_name, customer::read_vault_name(options.vault, target.cloud));
  LATCHKEY_TRYV(clouds::azure::check_key_name(options.key));
  target.key_name = options.key;
  target.app = options.app;
  if (!parse_uuid(target.app.client_id)) {
    return Error{ErrorCode::Invalid, "--app-id must be a client id, as in " + customer::PublishedApp().client_id};
  }
  if (!options.egress_ranges.empty()) target.app.egress_ranges = options.egress_ranges;
  for (const auto& range : target.app.egress_ranges) {
    if (!customer::is_ip_range(range)) {
      return Error{ErrorCode::Invalid, fmt::format("--egress-range: {} is no IPv4 address or range", range)};
    }
  }
  return target;
}

Error nothing_tried(const Error& error) {
  auto same = error;
  same.code = ErrorCode::Invalid;
  same.beneath = std::make_shared<const Error>(error);
  return same;
}

}  // namespace

ExitCode report_azure_error(const Error& error, OutputFormat format) {
  auto code = report_error(error, format);
  return error.code == ErrorCode::Invalid ? ExitCode::Usage : code;
}

void add_azure_options(CLI::App& command, AzureOptions& options) {
  command.add_option("--vault", options.vault, "The vault's name, or its URI")->required();
  command.add_option("--key", options.key, "The key's name in the vault")->required();
  command.add_option("--subscription", options.where.subscription,
                     "The vault's subscription (or AZURE_SUBSCRIPTION_ID, or the one that az has chosen)");
  command.add_option("-g,--resource-group", options.where.resource_group, "The vault's resource group");
  command.add_option("--app-id", options.app.client_id, "The platform's app, as its provider publishes it")
      ->capture_default_str();
  command.add_option("--app-name", options.app.display_name, "Its display name")->capture_default_str();
  command.add_option("--egress-range", options.egress_ranges,
                     "Where the platform's calls come from, as often as needed (default: " +
                         customer::PublishedApp().egress_ranges.front() + ")");
  command.add_option("--proxy", options.proxy, "The way out to Azure (or HTTPS_PROXY); not to the hosts of NO_PROXY");
  command.add_option("--ca-file", options.ca_file,
                     "PEM file of the authorities to trust for Azure (or SSL_CERT_FILE, REQUESTS_CA_BUNDLE)");
  add_connection_options(command, options.connection, "LATCHKEY_ADMIN_KEY");
  add_output_option(command, options.format);
}

Result<AzureTransport> AzureTransport::create(http::ProxySettings proxy, std::string ca_file, std::string user_agent,
                                              const Clock& clock, RandomSource& random) {
  http::ClientOptions options;
  options.proxy = std::move(proxy);
  options.ca_file = std::move(ca_file);
  options.user_agent = std::move(user_agent);
  // This runs in the person's own network, where a name may lead to a private endpoint.
  options.address_policy = http::AddressPolicy::Any;
  AzureTransport transport;
  LATCHKEY_TRY(transport.client, http::make_curl_client(std::move(options)));
  kms::RetrySettings retry;
  retry.attempt_timeout = std::chrono::seconds(20);
  transport.retrying = std::make_shared<kms::RetryingTransport>(
      *transport.client, clock, random, kms::make_timer_sleeper(), retry, &clouds::azure::retry_after);
  return transport;
}

Result<std::unique_ptr<AzureSession>> AzureSession::open(const AzureOptions& options) {
  auto target = read_target(options);
  if (!target) return nothing_tried(target.error());
  std::unique_ptr<AzureSession> session(new AzureSession());
  auto proxy = http::proxy_or_environment(options.proxy, process_variable);
  if (!proxy && !options.proxy.empty()) {
    return Error{ErrorCode::Invalid, fmt::format("--proxy: {}", proxy.error().message())};
  }
  if (!proxy) return nothing_tried(proxy.error());
  auto ca_file = options.ca_file.empty() ? first_variable({"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}) : options.ca_file;
  auto transport = AzureTransport::create(std::move(proxy.value()), ca_file, "latchkey-azure/" LATCHKEY_VERSION,
                                          session->clock_, session->random_);
  if (!transport) return nothing_tried(transport.error());
  session->transport_ = std::move(transport.value());
  auto client = connect(options.connection);
  if (client) {
    session->platform_ = std::make_unique<ApiPlatform>(std::move(client.value()));
  } else if (client.error().reason != kNoApiKey) {
    return nothing_tried(client.error());
  }
  customer::SignInTools sign_in{session->transport_.retrying, session->clock_, session->random_};
  LATCHKEY_TRY(session->sign_in_, customer::make_sign_in(process_variable, target.value().cloud, std::move(sign_in)));
  customer::Rest::Tools tools{*session->sign_in_, session->transport_.retrying, session->clock_, session->random_};
  LATCHKEY_TRY(auto customer, customer::CustomerSide::create(std::move(tools), target.value(), options.where));
  session->customer_.emplace(std::move(customer));
  return session;
}

}  // namespace latchkey::cli::azure
