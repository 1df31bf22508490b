#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <thread>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/id.hpp"
#include "base/task.hpp"
#include "cli/command.hpp"
#include "cli/dev_paths.hpp"
#include "cli/env_file.hpp"
#include "cli/json_view.hpp"
#include "cli/tour_customer.hpp"
#include "crypto/random.hpp"

namespace latchkey::cli {

namespace {

constexpr std::string_view kRole = "Key Vault Crypto User";
constexpr std::size_t kMaxFile = std::size_t{16} * 1024 * 1024;
constexpr std::chrono::seconds kPatience{90};
constexpr std::chrono::milliseconds kPollInterval{500};

struct TourOptions {
  std::string data_dir;
  std::string file;
};

using Variables = std::map<std::string, std::string>;

// The story, in order; an error in a chapter ends it and says what to do.
class Tour {
 public:
  Tour(Variables variables, TourCustomer& customer, ApiClient& admin, RandomSource& random, Transcript& transcript)
      : variables_(std::move(variables)),
        customer_(customer),
        admin_(admin),
        random_(random),
        transcript_(transcript) {}

  Result<void> run(const std::string& file);

 private:
  Result<void> prepare_the_vault();
  Result<void> verify_the_vault();
  Result<void> register_the_key();
  Result<void> attach_the_key();
  Result<void> choose_workspace();
  Result<void> protect_data(const std::string& file);
  Result<void> revoke();
  Result<void> restore();
  Result<void> show_audit();

  Result<boost::json::object> admin_call(std::string_view method, const std::string& path,
                                         const std::optional<boost::json::object>& body);
  Result<std::string> data_call(std::string_view verb, const std::string& input);
  Result<void> wait_for(bool readable, const std::string& what);
  [[nodiscard]] std::string variable(const std::string& name) const;
  [[nodiscard]] std::string data_path(std::string_view verb) const;

  Variables variables_;
  TourCustomer& customer_;
  ApiClient& admin_;
  RandomSource& random_;
  Transcript& transcript_;
  std::unique_ptr<ApiClient> data_;
  std::string key_name_;
  std::string tenant_id_;
  std::string external_key_id_;
  std::string workspace_id_;
  std::string plaintext_;
  std::string ciphertext_;
};

std::string Tour::variable(const std::string& name) const {
  auto found = variables_.find(name);
  return found == variables_.end() ? std::string() : found->second;
}

std::string Tour::data_path(std::string_view verb) const {
  return fmt::format("/v1/workspaces/{}/{}", workspace_id_, verb);
}

Result<boost::json::object> Tour::admin_call(std::string_view method, const std::string& path,
                                             const std::optional<boost::json::object>& body) {
  transcript_.call(method, variable("LATCHKEY_URL") + path, body ? boost::json::serialize(*body) : "");
  return admin_.call(method, path, body);
}

Result<std::string> Tour::data_call(std::string_view verb, const std::string& input) {
  LATCHKEY_TRY(auto response, data_->call_raw(data_path(verb), input, {}));
  return std::move(response.body);
}

Result<void> Tour::prepare_the_vault() {
  transcript_.step("1", "The customer consents to the multi-tenant app",
                   "A service principal appears in the customer's tenant; it may do nothing yet.");
  LATCHKEY_TRY(auto principal, customer_.consent(variable("LATCHKEY_APP_CLIENT_ID")));

  key_name_ = fmt::format("{}-{}", variable("AZURE_KEY_NAME"), hex_encode(ByteView(make_raw_id(random_)).first(3)));
  transcript_.step("2", "The customer makes an RSA key in its own vault",
                   "3072 bits, wrapKey and unwrapKey alone. The private half never leaves the vault.");
  LATCHKEY_TRYV(customer_.create_key(key_name_));

  transcript_.step("3", "The customer lets the app use that one key",
                   "A role assignment, scoped to the key rather than the vault.");
  return customer_.grant(std::string(kRole), principal, key_name_);
}

Result<void> Tour::verify_the_vault() {
  transcript_.step("4", "The customer verifies the vault", "The guide's checklist.");
  LATCHKEY_TRY(auto vault, customer_.show_vault());
  bool open = vault.default_action.empty() || vault.default_action == "Allow";
  tenant_id_ = vault.tenant_id;
  transcript_.check(vault.rbac, "rbac: permissions are role assignments");
  transcript_.check(vault.purge_protection, "purge: a deleted key can be recovered, and cannot be destroyed early");
  transcript_.check(vault.public_access == "Enabled",
                    fmt::format("pub: public network access is {}", vault.public_access));
  transcript_.check(open, fmt::format("net: the firewall's default is {}",
                                      vault.default_action.empty() ? "Allow" : vault.default_action));
  transcript_.check(true, fmt::format("uri: {}", vault.uri));
  transcript_.check(!tenant_id_.empty(), fmt::format("tenantId: {}", tenant_id_));
  if (vault.rbac && vault.purge_protection && vault.public_access == "Enabled" && open && !tenant_id_.empty()) {
    return success();
  }
  return Error{ErrorCode::Invalid,
               "the vault does not pass the guide's checklist: cure what is marked above and run the "
               "tour again"};
}

Result<void> Tour::register_the_key() {
  transcript_.step("5", "The key is registered with Latchkey", "A name, a place, a tenant: no secret changes hands.");
  boost::json::object body{{"display_name", "tour"},
                           {"geo", "us"},
                           {"provider_config",
                            {{"type", "azure"},
                             {"vault_uri", variable("AZURE_VAULT_URI")},
                             {"key_name", key_name_},
                             {"tenant_id", tenant_id_}}}};
  LATCHKEY_TRY(auto key, admin_call("POST", "/v1/organizations/external_keys", body));
  external_key_id_ = text_at(key, "id");
  transcript_.answer(200, external_key_id_);

  transcript_.step("6", "The key is validated", "Latchkey signs in to the customer's tenant, wraps and unwraps.");
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    LATCHKEY_TRY(auto outcome,
                 admin_call("POST", fmt::format("/v1/organizations/external_keys/{}/validate", external_key_id_),
                            boost::json::object{}));
    if (text_at(outcome, "status") == "success") {
      transcript_.answer(200, "success");
      return success();
    }
    transcript_.refusal(200, one_line(text_at(outcome, "error"), 300));
    if (std::chrono::steady_clock::now() > deadline) {
      return Error{ErrorCode::KeyDenied, "the key did not validate; the reason is above"};
    }
    transcript_.note("role assignments may take some minutes to take effect; trying again");
    std::this_thread::sleep_for(std::chrono::seconds(5));
  }
}

// The workspace that `latchkey dev` made, as long as it has no key; otherwise a new one.
Result<void> Tour::choose_workspace() {
  workspace_id_ = variable("LATCHKEY_WORKSPACE_ID");
  auto api_key = variable("LATCHKEY_WORKSPACE_KEY");
  LATCHKEY_TRY(auto workspace, admin_.call("GET", "/v1/organizations/workspaces/" + workspace_id_));
  if (!text_at(workspace, "external_key_id").empty()) {
    transcript_.note(fmt::format("{} has a key already, for good; making another workspace", workspace_id_));
    LATCHKEY_TRY(auto created, admin_call("POST", "/v1/organizations/workspaces",
                                          boost::json::object{{"name", "Tour " + key_name_}}));
    workspace_id_ = text_at(created, "id");
    transcript_.answer(200, workspace_id_);
    api_key = variable("LATCHKEY_SERVICE_KEY");
  }
  LATCHKEY_TRY(data_, ApiClient::create(variable("LATCHKEY_URL"), "", api_key));
  return success();
}

Result<void> Tour::attach_the_key() {
  transcript_.step("7", "The key is attached to a workspace, for good",
                   "Validated once more inside; from now on this workspace's data needs the customer's key.");
  LATCHKEY_TRYV(choose_workspace());
  LATCHKEY_TRY(auto workspace, admin_call("POST", "/v1/organizations/workspaces/" + workspace_id_,
                                          boost::json::object{{"external_key_id", external_key_id_}}));
  transcript_.answer(200, fmt::format("{} external_key_id {}", workspace_id_, text_at(workspace, "external_key_id")));
  return success();
}

std::string sample_file() {
  return "account,holder,balance\nCH93 0076 2011 6238 5295 7,Contoso Bank,1250000.00\n"
         "CH56 0483 5012 3456 7800 9,Fabrikam AG,98000.50\n";
}

Result<void> Tour::protect_data(const std::string& file) {
  transcript_.step("8", "Data is written and read",
                   "Under a data key that was wrapped by the customer's key before its first use.");
  boost::json::object body{{"plaintext", base64_encode(as_bytes("patient 4711: penicillin allergy"))},
                           {"context", {{"table", "patients"}, {"row", "4711"}}}};
  transcript_.call("POST", variable("LATCHKEY_URL") + data_path("encrypt"), boost::json::serialize(body));
  LATCHKEY_TRY(auto record, data_->call("POST", data_path("encrypt"), body));
  transcript_.answer(200,
                     fmt::format("{} {}", text_at(record, "data_key_id"), one_line(text_at(record, "ciphertext"), 60)));
  boost::json::object sealed{{"ciphertext", text_at(record, "ciphertext")}, {"context", body.at("context")}};
  transcript_.call("POST", variable("LATCHKEY_URL") + data_path("decrypt"));
  LATCHKEY_TRY(auto opened, data_->call("POST", data_path("decrypt"), sealed));
  LATCHKEY_TRY(auto text, base64_decode(text_at(opened, "plaintext")));
  transcript_.answer(200, as_text(text));

  if (file.empty()) {
    plaintext_ = sample_file();
  } else {
    LATCHKEY_TRY(plaintext_, read_file(file, kMaxFile));
  }
  auto name = file.empty() ? std::string("accounts.csv") : std::filesystem::path(file).filename().string();
  transcript_.call("POST", variable("LATCHKEY_URL") + data_path("encrypt"),
                   fmt::format("({}, {} bytes)", name, plaintext_.size()));
  LATCHKEY_TRY(ciphertext_, data_call("encrypt", plaintext_));
  transcript_.answer(
      200, fmt::format("{} bytes: {}...", ciphertext_.size(),
                       hex_encode(as_bytes(ciphertext_).first(std::min<std::size_t>(24, ciphertext_.size())))));
  LATCHKEY_TRY(auto back, data_call("decrypt", ciphertext_));
  transcript_.check(back == plaintext_, fmt::format("{} decrypts to the same {} bytes", name, back.size()));
  if (back == plaintext_) return success();
  return Error{ErrorCode::Corrupt, "what came back is not what was written"};
}

// Polls until reading the file succeeds or is refused, whichever the caller wants.
Result<void> Tour::wait_for(bool readable, const std::string& what) {
  auto start = std::chrono::steady_clock::now();
  Waiting waiting(what);
  for (;;) {
    auto read = data_call("decrypt", ciphertext_);
    if (static_cast<bool>(read) == readable) {
      auto waited = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      transcript_.note(fmt::format("after {:.1f} s", waited));
      return success();
    }
    if (std::chrono::steady_clock::now() - start > kPatience) {
      if (!read) return read.error();
      return Error{ErrorCode::Internal, "the data is still readable, and should not be"};
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

Result<void> Tour::revoke() {
  transcript_.step("9", "The customer pulls the key",
                   "Disabled in the vault. Latchkey asks the key again when a lease is up: 60 s by default, 5 s here.");
  LATCHKEY_TRYV(customer_.set_key_enabled(key_name_, false));
  LATCHKEY_TRYV(wait_for(false, "waiting for the lease to end"));
  for (std::string_view verb : {"decrypt", "encrypt"}) {
    transcript_.call("POST", variable("LATCHKEY_URL") + data_path(verb));
    auto refused = data_call(verb, verb == "decrypt" ? ciphertext_ : plaintext_);
    if (refused) return Error{ErrorCode::Internal, fmt::format("{} still works, and should not", verb)};
    transcript_.refusal(400,
                        fmt::format("{}: {}", refused.error().reason.code(), one_line(refused.error().message(), 300)));
    if (refused.error().reason != "cmek_key_disabled") return refused.error();
  }
  return success();
}

Result<void> Tour::restore() {
  transcript_.step("10", "The customer gives the key back", "Nothing was lost.");
  LATCHKEY_TRYV(customer_.set_key_enabled(key_name_, true));
  LATCHKEY_TRYV(wait_for(true, "waiting for Latchkey to ask the key again"));
  LATCHKEY_TRY(auto back, data_call("decrypt", ciphertext_));
  transcript_.check(back == plaintext_, "the file decrypts again, to the same bytes");
  return success();
}

Result<void> Tour::show_audit() {
  transcript_.step("11", "The customer reads its vault's own log",
                   "Every use of the key, by the app's id; written by the vault.");
  http::ClientRequest request;
  request.url =
      fmt::format("{}/_emulator/audit?vault={}", variable("LATCHKEY_EMULATOR_URL"), variable("AZURE_VAULT_NAME"));
  request.deadline = std::chrono::steady_clock::now() + kPatience;
  request.max_response_bytes = kMaxFile;
  http::ClientOptions options;
  options.ca_file = variable("LATCHKEY_CA_FILE");
  options.address_policy = http::AddressPolicy::Any;
  LATCHKEY_TRY(auto direct, http::make_curl_client(std::move(options)));
  auto response = run_blocking(direct->send(std::move(request)));
  if (!response) return Error{ErrorCode::Unavailable, response.error().message};
  std::istringstream lines(response.value().body);
  for (std::string line; std::getline(lines, line);) {
    boost::system::error_code failed;
    auto entry = boost::json::parse(line, failed);
    auto operation = failed ? "" : text_at(entry, "operationName");
    if (operation != "KeyWrap" && operation != "KeyUnwrap") continue;
    auto uri = text_at(entry, "properties.requestUri");
    if (uri.find("/keys/" + key_name_) == std::string::npos) continue;
    auto status = text_at(entry, "properties.httpStatusCode");
    auto style = status.starts_with("2") ? Style::Good : Style::Warn;
    transcript_.note(fmt::format("{}  {}  {:<9}  {}", text_at(entry, "time").substr(0, 23), styled(style, status),
                                 operation, one_line(text_at(entry, "properties.id"), 90)));
  }
  return success();
}

Result<void> Tour::run(const std::string& file) {
  LATCHKEY_TRYV(prepare_the_vault());
  LATCHKEY_TRYV(verify_the_vault());
  LATCHKEY_TRYV(register_the_key());
  LATCHKEY_TRYV(attach_the_key());
  LATCHKEY_TRYV(protect_data(file));
  LATCHKEY_TRYV(revoke());
  LATCHKEY_TRYV(restore());
  LATCHKEY_TRYV(show_audit());
  std::cout << '\n' << styled(Style::Bold, "That was customer-managed encryption: ") << "the customer held the key.\n";
  return success();
}

Result<void> take_tour(const TourOptions& options) {
  auto env_file = dev_env_file(options.data_dir);
  LATCHKEY_TRY(auto variables, read_env_file(env_file));
  if (variables.empty()) {
    return Error{ErrorCode::NotFound,
                 fmt::format("{} is not there: start `latchkey dev` first (with the same --data-dir)", env_file)};
  }
  if (!options.file.empty() && !std::filesystem::exists(options.file)) {
    return Error{ErrorCode::NotFound, fmt::format("there is no file {}", options.file)};
  }
  LATCHKEY_TRY(auto outside, read_env_file(azure_env_file(options.data_dir)));
  SystemClock clock;
  crypto::SystemRandom random;
  Transcript transcript;
  LATCHKEY_TRY(auto transport,
               AzureTransport::create(http::one_proxy(outside["HTTPS_PROXY"]), variables["LATCHKEY_CA_FILE"],
                                      "latchkey-tour/" LATCHKEY_VERSION, clock, random));
  auto variable = [&](const std::string& name) { return variables[name]; };
  LATCHKEY_TRY(auto customer, TourCustomer::create(variable, transport, clock, random, transcript));
  LATCHKEY_TRY(auto admin, ApiClient::create(variables["LATCHKEY_URL"], "", variables["LATCHKEY_ADMIN_KEY"]));
  Tour tour(variables, *customer, *admin, random, transcript);
  return tour.run(options.file);
}

}  // namespace

void add_tour_command(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<TourOptions>();
  options->data_dir = default_dev_dir();
  auto* command = add_command(app, "tour", "Walk the main job against a running `latchkey dev`, call by call",
                              {"latchkey tour", "latchkey tour report.pdf --data-dir /tmp/lk"});
  command->add_option("FILE", options->file, "A file to encrypt and decrypt on the way (default: one it makes)");
  command->add_option("--data-dir", options->data_dir, "The folder of that `latchkey dev`")->capture_default_str();
  command->callback([&chosen, options] {
    chosen.action = [options] {
      auto done = take_tour(*options);
      return done ? ExitCode::Ok : report_error(done.error(), OutputFormat::Text);
    };
  });
}

}  // namespace latchkey::cli
