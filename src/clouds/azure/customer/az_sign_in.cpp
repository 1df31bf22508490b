// Without this, Boost.Process needs Boost.Filesystem.
#define BOOST_PROCESS_USE_STD_FS 1

#include "clouds/azure/customer/az_sign_in.hpp"

#include <chrono>
#include <future>

#include <boost/asio/io_context.hpp>
#include <boost/process.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

namespace {

namespace process = boost::process;

constexpr std::chrono::seconds kTimeout{60};

struct AzSession {
  BearerToken token;
  std::string tenant;
  std::string subscription;
};

Error az_failed(std::string_view said) {
  return Error{ErrorCode::Unauthenticated,
               fmt::format("az gives no token: {}", said),
               {},
               "Sign in with `az login` (and `az account set --subscription ...`), or set AZURE_TENANT_ID, "
               "AZURE_CLIENT_ID and a credential"};
}

Result<std::string> run_az(const std::vector<std::string>& arguments) {
  auto program = process::search_path("az");
  if (program.empty()) return az_failed("there is no az in PATH");
  boost::asio::io_context context;
  std::future<std::string> out;
  std::future<std::string> err;
  // The process closes its pipes a little before it ends.
  std::future<int> code;
  std::error_code failed;
  process::child child(program, process::args(arguments), process::std_in<process::null, process::std_out> out,
                       process::std_err > err, process::on_exit(code), context, failed);
  if (failed) return az_failed(failed.message());
  context.run_for(kTimeout);
  if (code.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    child.terminate(failed);
    return az_failed(fmt::format("it did not answer within {} s", kTimeout.count()));
  }
  if (code.get() != 0) return az_failed(clouds::azure::shown_text(err.get(), 300));
  return out.get();
}

Result<AzSession> ask_az(const std::string& tenant, const std::string& resource, const std::string& subscription) {
  std::vector<std::string> arguments{"account", "get-access-token", "--resource", resource, "--output", "json"};
  // az accepts only one of the two.
  if (!tenant.empty()) {
    arguments.insert(arguments.end(), {"--tenant", tenant});
  } else if (!subscription.empty()) {
    arguments.insert(arguments.end(), {"--subscription", subscription});
  }
  LATCHKEY_TRY(auto text, run_az(arguments));
  auto body = json_fields::parse_object(text);
  crypto::wipe(text);
  auto token = body ? clouds::azure::text_field(body.value(), "accessToken") : std::string();
  bool is_plain = !token.empty() && std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_plain) return az_failed("it answered with something that is no token");
  AzSession session{std::make_shared<const crypto::SecretBytes>(as_bytes(token)),
                    clouds::azure::text_field(body.value(), "tenant"),
                    clouds::azure::text_field(body.value(), "subscription")};
  crypto::wipe(token);
  return session;
}

class AzSignIn final : public SignIn {
 public:
  AzSignIn(std::string tenant, std::string subscription)
      : tenant_(std::move(tenant)), subscription_(std::move(subscription)) {}

  void keep(const std::string& tenant, const std::string& resource, BearerToken token) {
    tokens_[{tenant, resource}] = std::move(token);
  }

  Result<BearerToken> token(const std::string& tenant, const std::string& resource) override {
    auto key = std::pair(tenant.empty() ? tenant_ : tenant, resource);
    if (auto known = tokens_.find(key); known != tokens_.end()) return known->second;
    LATCHKEY_TRY(auto session, ask_az(key.first, resource, ""));
    tokens_[key] = session.token;
    return session.token;
  }
  const std::string& tenant() const override { return tenant_; }
  const std::string& subscription() const override { return subscription_; }

 private:
  std::string tenant_;
  std::string subscription_;
  std::map<std::pair<std::string, std::string>, BearerToken> tokens_;
};

}  // namespace

Result<std::unique_ptr<SignIn>> make_az_sign_in(const Cloud& cloud, const std::string& subscription) {
  auto resource = cloud.arm + "/";
  LATCHKEY_TRY(auto session, ask_az("", resource, subscription));
  auto sign_in = std::make_unique<AzSignIn>(session.tenant, subscription.empty() ? session.subscription : subscription);
  sign_in->keep(session.tenant, resource, session.token);
  return std::unique_ptr<SignIn>(std::move(sign_in));
}

}  // namespace latchkey::clouds::azure::customer
