// The customer of the tour: the person who owns the key. The folder src/cli/<cloud>/ implements it with that cloud's
// real calls, and tells each of them in the transcript.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <boost/json/object.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "dev/transcript.hpp"

namespace latchkey::dev {

struct CustomerKey {
  std::string name;
  boost::json::object provider_config;  // as the Admin API takes it
};

class DevCustomer {
 public:
  virtual ~DevCustomer() = default;

  // Steps 1 to 4: makes a key in the customer's account, lets the platform use that one key, and checks what the guide
  // asks. Invalid where a check fails.
  [[nodiscard]] virtual Result<CustomerKey> prepare_key() = 0;
  // Steps 9 and 10: takes the key away from everybody, and gives it back.
  [[nodiscard]] virtual Result<void> set_key_enabled(bool enabled) = 0;
  // Step 11: tells each use of the key, as the cloud's own log has it.
  [[nodiscard]] virtual Result<void> show_audit_log() = 0;
};

struct DevCustomerSettings {
  std::string data_dir;                          // of the `latchkey dev` that runs
  std::map<std::string, std::string> variables;  // dev.env
  const Clock* clock = nullptr;                  // required, as the following; all must outlive the customer
  RandomSource* random = nullptr;
  Transcript* transcript = nullptr;
};

// Signs in as the customer of the cloud that `latchkey dev` runs.
using MakeDevCustomer = std::function<Result<std::unique_ptr<DevCustomer>>(const DevCustomerSettings&)>;

}  // namespace latchkey::dev
