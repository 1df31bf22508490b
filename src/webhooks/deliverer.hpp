// Sends what was published: at least once, each endpoint's one after the other, so that one that hangs holds up nothing
// of another's; and of the places to send from, one organisation has a few alone, however many of its endpoints hang.
// An attempt is written down before it begins; what a crash cut short is tried again when its claim is
// over.
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
  std::chrono::milliseconds timeout{15'000};  // of one attempt
  std::chrono::milliseconds claim{60'000};    // above the timeout
  std::chrono::milliseconds pause{1000};      // between two looks for what is due
  std::chrono::hours keep{24 * 30};           // of what ended
  std::size_t concurrency = 64;
  // Of these, an organisation has at most so many, and one alone where half of all are taken.
  std::size_t per_organization = 4;
  unsigned tests_per_minute = 6;  // of one endpoint, one at a time
};

// Since the start.
struct AttemptCounts {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
};

class Deliverer {
 public:
  // The references outlive it and the last run of the executor's context. `client` refuses private addresses wherever
  // endpoints may not have them.
  Deliverer(store::Store& store, http::Client& client, SecretKeeper& secrets, const Clock& clock, RandomSource& random,
            boost::asio::any_io_executor executor, DelivererSettings settings);
  ~Deliverer();
  Deliverer(const Deliverer&) = delete;
  Deliverer& operator=(const Deliverer&) = delete;

  // Begins to send what is due, and tells when to call it again. Not while another call runs.
  [[nodiscard]] Task<std::chrono::milliseconds> attend();
  // From now on nothing is begun; what is on its way ends by itself.
  void stop();
  // Nothing is on its way.
  [[nodiscard]] bool idle() const;

  [[nodiscard]] AttemptCounts counts() const;

  // Sends a test event to the endpoint, once and now, even where it is disabled, and gives what came of it: Delivered,
  // or Failed and why. NotFound as Endpoints; RateLimited where the endpoint is being tested or was too often; else the
  // store's errors.
  [[nodiscard]] Task<Result<store::WebhookDelivery>> test(audit::Caller caller, std::string endpoint_id);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::webhooks
