#include "cli/azure/tour_customer.hpp"

#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/id.hpp"
#include "base/task.hpp"
#include "cli/azure/environment.hpp"
#include "cli/azure/session.hpp"
#include "clouds/azure/customer/clients.hpp"
#include "dev/env_file.hpp"
#include "library/json_text.hpp"
#include "terminal/style.hpp"

namespace latchkey::cli::azure {

namespace {

namespace customer = clouds::azure::customer;

using library::text_at;

constexpr std::string_view kRole = "Key Vault Crypto User";
constexpr std::size_t kMaxLog = std::size_t{16} * 1024 * 1024;
constexpr std::chrono::seconds kLogTimeout{90};

// What the customer calls Azure with. Its members refer to each other, so it is not moved.
struct Connection {
  AzureTransport transport;
  std::unique_ptr<customer::SignIn> sign_in;
};

class TourCustomer final : public dev::DevCustomer {
 public:
  TourCustomer(const dev::DevCustomerSettings& settings, std::unique_ptr<Connection> connection, customer::Graph graph,
               customer::ResourceManager resources, customer::VaultKeys keys)
      : variables_(settings.variables),
        random_(*settings.random),
        transcript_(*settings.transcript),
        connection_(std::move(connection)),
        graph_(std::move(graph)),
        resources_(std::move(resources)),
        keys_(std::move(keys)),
        vault_id_(fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.KeyVault/vaults/{}",
                              variable("AZURE_SUBSCRIPTION_ID"), variable("AZURE_RESOURCE_GROUP"),
                              variable("AZURE_VAULT_NAME"))) {}

  [[nodiscard]] Result<dev::CustomerKey> prepare_key() override;
  [[nodiscard]] Result<void> set_key_enabled(bool enabled) override;
  [[nodiscard]] Result<void> show_audit_log() override;

 private:
  // Returns the service principal's object id, also where it exists already.
  [[nodiscard]] Result<std::string> consent(const std::string& app_id);
  [[nodiscard]] Result<void> create_key();
  // Scoped to the key.
  [[nodiscard]] Result<void> grant(const std::string& role, const std::string& principal_id);
  // Returns the vault's tenant.
  [[nodiscard]] Result<std::string> verify_the_vault();
  [[nodiscard]] Result<std::string> read_audit_log();
  [[nodiscard]] std::string variable(const std::string& name) const;

  std::map<std::string, std::string> variables_;
  RandomSource& random_;
  dev::Transcript& transcript_;
  std::unique_ptr<Connection> connection_;
  customer::Graph graph_;
  customer::ResourceManager resources_;
  customer::VaultKeys keys_;
  std::string vault_id_;
  std::string key_name_;
};

std::string TourCustomer::variable(const std::string& name) const {
  auto found = variables_.find(name);
  return found == variables_.end() ? std::string() : found->second;
}

Result<dev::CustomerKey> TourCustomer::prepare_key() {
  transcript_.step("1", "The customer consents to the multi-tenant app",
                   "A service principal appears in the customer's tenant; it may do nothing yet.");
  LATCHKEY_TRY(auto principal, consent(variable("LATCHKEY_APP_CLIENT_ID")));

  key_name_ = fmt::format("{}-{}", variable("AZURE_KEY_NAME"), hex_encode(ByteView(make_raw_id(random_)).first(3)));
  transcript_.step("2", "The customer makes an RSA key in its own vault",
                   "3072 bits, wrapKey and unwrapKey alone. The private half never leaves the vault.");
  LATCHKEY_TRYV(create_key());

  transcript_.step("3", "The customer lets the app use that one key",
                   "A role assignment, scoped to the key rather than the vault.");
  LATCHKEY_TRYV(grant(std::string(kRole), principal));

  transcript_.step("4", "The customer verifies the vault", "The guide's checklist.");
  LATCHKEY_TRY(auto tenant_id, verify_the_vault());
  boost::json::object config{
      {"type", "azure"}, {"vault_uri", variable("AZURE_VAULT_URI")}, {"key_name", key_name_}, {"tenant_id", tenant_id}};
  return dev::CustomerKey{.name = key_name_, .provider_config = std::move(config)};
}

Result<std::string> TourCustomer::consent(const std::string& app_id) {
  auto made = graph_.consent(app_id);
  if (!made && made.error().code == ErrorCode::Conflict) {
    transcript_.refusal(graph_.last_status(), "already there; looking its object id up");
    LATCHKEY_TRY(auto found, graph_.find(app_id));
    if (found) made = std::move(*found);
  }
  if (!made) return made.error();
  const auto& principal = made.value();
  transcript_.response(graph_.last_status(),
                       fmt::format("service principal {} ({})", principal.object_id, principal.display_name));
  return principal.object_id;
}

Result<void> TourCustomer::create_key() {
  constexpr unsigned kBits = 3072;
  LATCHKEY_TRY(auto key, keys_.make(key_name_, "RSA", kBits));
  transcript_.response(keys_.last_status(), fmt::format("{} {}", key.type, key.id));
  return success();
}

Result<void> TourCustomer::grant(const std::string& role, const std::string& principal_id) {
  auto scope = fmt::format("{}/keys/{}", vault_id_, key_name_);
  LATCHKEY_TRY(auto definition, resources_.role_named(scope, role));
  transcript_.response(resources_.last_status(), dev::one_line(definition.id, 200));
  auto granted =
      resources_.assign(scope, format_uuid(make_uuid(random_)), definition.id, principal_id, "ServicePrincipal");
  if (!granted && granted.error().code == ErrorCode::Conflict) {
    transcript_.refusal(resources_.last_status(), "already granted");
    return success();
  }
  if (!granted) return granted.error();
  transcript_.response(resources_.last_status(), fmt::format("{} on {} and nothing else", role, scope));
  return success();
}

Result<void> TourCustomer::set_key_enabled(bool enabled) {
  LATCHKEY_TRY(auto key, keys_.set_enabled(key_name_, enabled));
  transcript_.response(keys_.last_status(), fmt::format("enabled: {}", key.enabled));
  return success();
}

Result<std::string> TourCustomer::verify_the_vault() {
  LATCHKEY_TRY(auto vault, resources_.vault(vault_id_));
  transcript_.response(resources_.last_status(), vault.id);
  bool is_public = vault.public_access == "Enabled";
  bool open = vault.default_action.empty() || vault.default_action == "Allow";
  transcript_.check(vault.rbac, "rbac: permissions are role assignments");
  transcript_.check(vault.purge_protection, "purge: a deleted key can be recovered, and cannot be destroyed early");
  transcript_.check(is_public, fmt::format("pub: public network access is {}", vault.public_access));
  transcript_.check(open, fmt::format("net: the firewall's default is {}",
                                      vault.default_action.empty() ? "Allow" : vault.default_action));
  transcript_.check(true, fmt::format("uri: {}", vault.uri));
  transcript_.check(!vault.tenant_id.empty(), fmt::format("tenantId: {}", vault.tenant_id));
  if (vault.rbac && vault.purge_protection && is_public && open && !vault.tenant_id.empty()) return vault.tenant_id;
  return Error{ErrorCode::Invalid,
               "the vault does not pass the guide's checklist: cure what is marked above and run the "
               "tour again"};
}

// Reads what the emulator has of the vault's log; at Azure the log goes to the customer's own storage.
Result<std::string> TourCustomer::read_audit_log() {
  http::ClientRequest request;
  request.url =
      fmt::format("{}/_emulator/audit?vault={}", variable("LATCHKEY_EMULATOR_URL"), variable("AZURE_VAULT_NAME"));
  request.deadline = std::chrono::steady_clock::now() + kLogTimeout;
  request.max_response_bytes = kMaxLog;
  http::ClientOptions options;
  options.ca_file = variable("LATCHKEY_CA_FILE");
  options.address_policy = http::AddressPolicy::Any;
  LATCHKEY_TRY(auto direct, http::make_curl_client(std::move(options)));
  auto response = run_blocking(direct->send(std::move(request)));
  if (!response) return Error{ErrorCode::Unavailable, response.error().message};
  return std::move(response.value().body);
}

Result<void> TourCustomer::show_audit_log() {
  LATCHKEY_TRY(auto log, read_audit_log());
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    boost::system::error_code failed;
    auto entry = boost::json::parse(line, failed);
    auto operation = failed ? "" : text_at(entry, "operationName");
    if (operation != "KeyWrap" && operation != "KeyUnwrap") continue;
    auto uri = text_at(entry, "properties.requestUri");
    if (uri.find("/keys/" + key_name_) == std::string::npos) continue;
    auto status = text_at(entry, "properties.httpStatusCode");
    auto style = status.starts_with("2") ? terminal::Style::Good : terminal::Style::Warn;
    transcript_.note(fmt::format("{}  {}  {:<9}  {}", text_at(entry, "time").substr(0, 23),
                                 terminal::styled(style, status), operation,
                                 dev::one_line(text_at(entry, "properties.id"), 90)));
  }
  return success();
}

}  // namespace

Result<std::unique_ptr<dev::DevCustomer>> make_tour_customer(const dev::DevCustomerSettings& settings) {
  LATCHKEY_TRY(auto outside, dev::read_env_file(azure_env_file(settings.data_dir)));
  customer::Variables variables = [all = settings.variables](const std::string& name) {
    auto found = all.find(name);
    return found == all.end() ? std::string() : found->second;
  };
  const auto& clock = *settings.clock;
  auto& random = *settings.random;
  auto connection = std::make_unique<Connection>();
  LATCHKEY_TRY(connection->transport,
               AzureTransport::create(http::one_proxy(outside["HTTPS_PROXY"]), variables("LATCHKEY_CA_FILE"),
                                      "latchkey-tour/" LATCHKEY_VERSION, clock, random));
  LATCHKEY_TRY(auto cloud, customer::cloud_of_authority(variables("AZURE_AUTHORITY_HOST")));
  customer::SignInTools sign_in_tools{connection->transport.retrying, clock, random};
  LATCHKEY_TRY(connection->sign_in, customer::make_sign_in(variables, cloud, std::move(sign_in_tools)));
  customer::Rest::Tools tools{*connection->sign_in, connection->transport.retrying, clock, random};
  auto tell = [transcript = settings.transcript](const customer::Call& call) {
    transcript->call(call.method, call.url, call.body ? boost::json::serialize(*call.body) : "");
  };
  auto tenant = connection->sign_in->tenant();
  LATCHKEY_TRY(auto keys, customer::VaultKeys::create(tools, cloud, tenant, variables("AZURE_VAULT_URI"), tell));
  customer::Graph graph(tools, cloud, tenant, tell);
  customer::ResourceManager resources(tools, cloud, tell);
  return std::unique_ptr<dev::DevCustomer>(std::make_unique<TourCustomer>(
      settings, std::move(connection), std::move(graph), std::move(resources), std::move(keys)));
}

}  // namespace latchkey::cli::azure
