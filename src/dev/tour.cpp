#include "dev/tour.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "crypto/random.hpp"
#include "dev/env_file.hpp"
#include "dev/paths.hpp"
#include "library/api_client.hpp"
#include "library/json_text.hpp"
#include "terminal/style.hpp"
#include "terminal/waiting.hpp"

namespace latchkey::dev {

using library::ApiClient;
using library::text_at;
using terminal::Style;
using terminal::styled;

namespace {

constexpr std::size_t kMaxFile = std::size_t{16} * 1024 * 1024;
constexpr std::chrono::seconds kTimeout{90};
constexpr std::chrono::milliseconds kPollInterval{500};

using Variables = std::map<std::string, std::string>;

// The story, step by step. The first error ends it and says what to do.
class Tour {
 public:
  Tour(Variables variables, DevCustomer& customer, ApiClient& admin, Transcript& transcript)
      : variables_(std::move(variables)), customer_(customer), admin_(admin), transcript_(transcript) {}

  Result<void> run(const std::string& file);

 private:
  Result<void> register_the_key();
  Result<void> attach_the_key();
  Result<void> choose_workspace();
  Result<void> protect_data(const std::string& file);
  Result<void> revoke();
  Result<void> restore();

  Result<boost::json::object> admin_call(std::string_view method, const std::string& path,
                                         const std::optional<boost::json::object>& body);
  Result<std::string> data_call(std::string_view verb, const std::string& input);
  Result<void> wait_for(bool readable, const std::string& what);
  [[nodiscard]] std::string variable(const std::string& name) const;
  [[nodiscard]] std::string data_path(std::string_view verb) const;

  Variables variables_;
  DevCustomer& customer_;
  ApiClient& admin_;
  Transcript& transcript_;
  std::unique_ptr<ApiClient> data_;
  CustomerKey key_;
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

Result<void> Tour::register_the_key() {
  transcript_.step("5", "The key is registered with Latchkey", "A name, a place, a tenant: no secret changes hands.");
  boost::json::object body{{"display_name", "tour"}, {"geo", "us"}, {"provider_config", key_.provider_config}};
  LATCHKEY_TRY(auto key, admin_call("POST", "/v1/organizations/external_keys", body));
  external_key_id_ = text_at(key, "id");
  transcript_.response(200, external_key_id_);

  transcript_.step("6", "The key is validated", "Latchkey signs in to the customer's tenant, wraps and unwraps.");
  auto deadline = std::chrono::steady_clock::now() + kTimeout;
  for (;;) {
    LATCHKEY_TRY(auto outcome,
                 admin_call("POST", fmt::format("/v1/organizations/external_keys/{}/validate", external_key_id_),
                            boost::json::object{}));
    if (text_at(outcome, "status") == "success") {
      transcript_.response(200, "success");
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

// Takes the workspace that `latchkey dev` made, or a new one where that has a key already.
Result<void> Tour::choose_workspace() {
  workspace_id_ = variable("LATCHKEY_WORKSPACE_ID");
  auto api_key = variable("LATCHKEY_WORKSPACE_KEY");
  LATCHKEY_TRY(auto workspace, admin_.call("GET", "/v1/organizations/workspaces/" + workspace_id_));
  if (!text_at(workspace, "external_key_id").empty()) {
    transcript_.note(fmt::format("{} has a key already, for good; making another workspace", workspace_id_));
    LATCHKEY_TRY(auto created, admin_call("POST", "/v1/organizations/workspaces",
                                          boost::json::object{{"name", "Tour " + key_.name}}));
    workspace_id_ = text_at(created, "id");
    transcript_.response(200, workspace_id_);
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
  transcript_.response(200, fmt::format("{} external_key_id {}", workspace_id_, text_at(workspace, "external_key_id")));
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
  transcript_.response(
      200, fmt::format("{} {}", text_at(record, "data_key_id"), one_line(text_at(record, "ciphertext"), 60)));
  boost::json::object sealed{{"ciphertext", text_at(record, "ciphertext")}, {"context", body.at("context")}};
  transcript_.call("POST", variable("LATCHKEY_URL") + data_path("decrypt"));
  LATCHKEY_TRY(auto opened, data_->call("POST", data_path("decrypt"), sealed));
  LATCHKEY_TRY(auto text, base64_decode(text_at(opened, "plaintext")));
  transcript_.response(200, as_text(text));

  if (file.empty()) {
    plaintext_ = sample_file();
  } else {
    LATCHKEY_TRY(plaintext_, read_file(file, kMaxFile));
  }
  auto name = file.empty() ? std::string("accounts.csv") : std::filesystem::path(file).filename().string();
  transcript_.call("POST", variable("LATCHKEY_URL") + data_path("encrypt"),
                   fmt::format("({}, {} bytes)", name, plaintext_.size()));
  LATCHKEY_TRY(ciphertext_, data_call("encrypt", plaintext_));
  transcript_.response(
      200, fmt::format("{} bytes: {}...", ciphertext_.size(),
                       hex_encode(as_bytes(ciphertext_).first(std::min<std::size_t>(24, ciphertext_.size())))));
  LATCHKEY_TRY(auto back, data_call("decrypt", ciphertext_));
  transcript_.check(back == plaintext_, fmt::format("{} decrypts to the same {} bytes", name, back.size()));
  if (back == plaintext_) return success();
  return Error{ErrorCode::Corrupt, "what came back is not what was written"};
}

// Reads the file again and again until the server decrypts it (`readable`) or refuses to.
Result<void> Tour::wait_for(bool readable, const std::string& what) {
  auto start = std::chrono::steady_clock::now();
  terminal::Waiting waiting(what);
  for (;;) {
    auto read = data_call("decrypt", ciphertext_);
    if (static_cast<bool>(read) == readable) {
      auto waited = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      transcript_.note(fmt::format("after {:.1f} s", waited));
      return success();
    }
    if (std::chrono::steady_clock::now() - start > kTimeout) {
      if (!read) return read.error();
      return Error{ErrorCode::Internal, "the data is still readable, and should not be"};
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

Result<void> Tour::revoke() {
  transcript_.step("9", "The customer pulls the key",
                   "Disabled in the vault. Latchkey asks the key again when a lease is up: 60 s by default, 5 s here.");
  LATCHKEY_TRYV(customer_.set_key_enabled(false));
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
  LATCHKEY_TRYV(customer_.set_key_enabled(true));
  LATCHKEY_TRYV(wait_for(true, "waiting for Latchkey to ask the key again"));
  LATCHKEY_TRY(auto back, data_call("decrypt", ciphertext_));
  transcript_.check(back == plaintext_, "the file decrypts again, to the same bytes");
  return success();
}

Result<void> Tour::run(const std::string& file) {
  LATCHKEY_TRY(key_, customer_.prepare_key());
  LATCHKEY_TRYV(register_the_key());
  LATCHKEY_TRYV(attach_the_key());
  LATCHKEY_TRYV(protect_data(file));
  LATCHKEY_TRYV(revoke());
  LATCHKEY_TRYV(restore());
  transcript_.step("11", "The customer reads its vault's own log",
                   "Every use of the key, by the app's id; written by the vault.");
  LATCHKEY_TRYV(customer_.show_audit_log());
  std::cout << '\n' << styled(Style::Bold, "That was customer-managed encryption: ") << "the customer held the key.\n";
  return success();
}

}  // namespace

Result<void> take_tour(const TourOptions& options, const MakeDevCustomer& make_customer) {
  auto env_file = dev_env_file(options.data_dir);
  LATCHKEY_TRY(auto variables, read_env_file(env_file));
  if (variables.empty()) {
    return Error{ErrorCode::NotFound,
                 fmt::format("{} is not there: start `latchkey dev` first (with the same --data-dir)", env_file)};
  }
  if (!options.file.empty() && !std::filesystem::exists(options.file)) {
    return Error{ErrorCode::NotFound, fmt::format("there is no file {}", options.file)};
  }
  SystemClock clock;
  crypto::SystemRandom random;
  Transcript transcript;
  LATCHKEY_TRY(auto customer, make_customer({.data_dir = options.data_dir,
                                             .variables = variables,
                                             .clock = &clock,
                                             .random = &random,
                                             .transcript = &transcript}));
  LATCHKEY_TRY(auto admin, ApiClient::create(variables["LATCHKEY_URL"], "", variables["LATCHKEY_ADMIN_KEY"]));
  Tour tour(std::move(variables), *customer, *admin, transcript);
  return tour.run(options.file);
}

}  // namespace latchkey::dev
