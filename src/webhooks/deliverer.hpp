// Sends published events, each at least once. An endpoint receives its deliveries one after the other, so that an
// endpoint that hangs delays no other. One organisation uses at most a few of the places to send from, however many of
// its endpoints hang. The deliverer writes an attempt down before the attempt begins; a delivery that a crash cut short
// is sent again when its claim runs out.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "audit/caller.hpp"
#include "base/task.hpp"
#include "http/client.hpp"
#include "store/store.hpp"
#include "webhooks/secret_keeper.hpp"

namespace latchkey::webhooks {

struct DelivererSettings {
  std::chrono::milliseconds timeout{15'000};  // for one attempt
  std::chrono::milliseconds claim{60'000};    // how long one attempt keeps its delivery; longer than the timeout
  std::chrono::milliseconds pause{1000};      // between two searches for due deliveries
  std::chrono::hours keep{24 * 30};           // how long ended deliveries are kept
  std::size_t concurrency = 64;
  // How many of these places one organisation may have; only one while half of all are taken.
  std::size_t per_organization = 4;
  unsigned tests_per_minute = 6;  // for one endpoint, one at a time
};

// Counted since the process started.
struct AttemptCounts {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
};

class Deliverer {
 public:
  // The references outlive the deliverer and the last run of the executor's context. `client` refuses private addresses
  // where endpoints may not have them.
  Deliverer(store::Store& store, http::Client& client, SecretKeeper& secrets, const Clock& clock, RandomSource& random,
            boost::asio::any_io_executor executor, DelivererSettings settings);
  ~Deliverer();
  Deliverer(const Deliverer&) = delete;
  Deliverer& operator=(const Deliverer&) = delete;

  // Begins to send the deliveries that are due, and returns how long to wait before the next call. Only one call may
  // run at a time.
  [[nodiscard]] Task<std::chrono::milliseconds> run_once();
  // From now on no delivery begins; those under way end by themselves.
  void stop();
  // Whether no delivery is under way.
  [[nodiscard]] bool idle() const;

  [[nodiscard]] AttemptCounts counts() const;

  // Sends a test event to the endpoint, once and at once, even to a disabled one, and returns the outcome: Delivered,
  // or Failed with the cause. NotFound as in Endpoints; RateLimited while another test of the endpoint runs, or after
  // too many in a minute; else the store's errors.
  [[nodiscard]] Task<Result<store::WebhookDelivery>> test(audit::Caller caller, std::string endpoint_id);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::webhooks
