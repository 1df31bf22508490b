// What `latchkey azure verify` and `latchkey azure setup` share: their options, the connection to Azure, the sign-in,
// and Latchkey itself where there is an admin key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/azure/platform.hpp"
#include "cli/command.hpp"
#include "clouds/azure/customer/customer_side.hpp"
#include "crypto/random.hpp"

namespace latchkey::cli::azure {

struct AzureOptions {
  Connection connection;
  OutputFormat format = OutputFormat::Text;
  std::string vault;
  std::string key;
  clouds::azure::customer::AzureScope where;
  clouds::azure::customer::PublishedApp app;
  std::vector<std::string> egress_ranges;  // instead of the published app's
  std::string proxy;
  std::string ca_file;
};

// The exit code for an error of AzureSession::open or of a plan.
[[nodiscard]] ExitCode report_azure_error(const Error& error, OutputFormat format);

void add_azure_options(CLI::App& command, AzureOptions& options);

// The connection to Azure, through the proxy and with the certificate authorities that the caller names.
struct AzureTransport {
  std::unique_ptr<http::Client> client;
  std::shared_ptr<kms::RetryingTransport> retrying;
  [[nodiscard]] static Result<AzureTransport> create(http::ProxySettings proxy, std::string ca_file,
                                                     std::string user_agent, const Clock& clock, RandomSource& random);
};

// Not movable: its members refer to each other.
class AzureSession {
 public:
  // Signs in and finds the subscription. Invalid where the options or the environment are wrong: nothing was tried.
  [[nodiscard]] static Result<std::unique_ptr<AzureSession>> open(const AzureOptions& options);

  [[nodiscard]] clouds::azure::customer::CustomerSide& customer() { return *customer_; }
  // Null where there is no admin key.
  [[nodiscard]] clouds::azure::customer::Platform* platform() { return platform_.get(); }
  [[nodiscard]] RandomSource& random() { return random_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  AzureSession() = default;
  SystemClock clock_;
  crypto::SystemRandom random_;
  AzureTransport transport_;
  std::unique_ptr<clouds::azure::customer::SignIn> sign_in_;
  std::optional<clouds::azure::customer::CustomerSide> customer_;
  std::unique_ptr<ApiPlatform> platform_;
};

}  // namespace latchkey::cli::azure
