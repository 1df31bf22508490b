// An organisation's webhook endpoints, as its admins manage them. Each change is in the activity feed; no url is, for
// it may hold what opens it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/caller.hpp"
#include "base/task.hpp"
#include "store/store.hpp"
#include "webhooks/secret_keeper.hpp"
#include "webhooks/target.hpp"

namespace latchkey::webhooks {

inline constexpr std::size_t kMostEndpoints = 16;  // of an organisation
inline constexpr std::chrono::hours kMostOverlap{24 * 7};

struct NewEndpoint {
  std::string url;
  std::string description;
  std::vector<std::string> events;  // none: all
};

// What is absent stays.
struct EndpointChange {
  std::optional<std::string> url;
  std::optional<std::string> description;
  std::optional<std::vector<std::string>> events;
  std::optional<bool> enabled;
};

struct EndpointWithSecret {
  store::WebhookEndpoint row;
  std::string secret;  // "whsec_..."; shown this once
};

struct DeliveryPage {
  std::vector<store::WebhookDelivery> deliveries;
  std::optional<std::string> next_page;
};

// Thread-safe. Every function: NotFound where the caller's organisation has no such endpoint; else the store's errors.
class Endpoints {
 public:
  // All outlive it.
  Endpoints(store::Store& store, SecretKeeper& secrets, const Clock& clock, RandomSource& random, TargetRules rules)
      : store_(store), secrets_(secrets), clock_(clock), random_(random), rules_(rules) {}

  // Invalid for a url that check_target refuses, for events that there are not, and for more than kMostEndpoints.
  [[nodiscard]] Task<Result<EndpointWithSecret>> create(audit::Caller caller, NewEndpoint wanted);
  // Oldest first.
  [[nodiscard]] Task<Result<std::vector<store::WebhookEndpoint>>> list(audit::Caller caller);
  [[nodiscard]] Task<Result<store::WebhookEndpoint>> get(audit::Caller caller, std::string id);
  // Invalid as create. Disabling gives up what is on its way; enabling brings back none of it.
  [[nodiscard]] Task<Result<store::WebhookEndpoint>> update(audit::Caller caller, std::string id,
                                                            EndpointChange change);
  // With its deliveries; of many a few at a time, the endpoint being disabled meanwhile. One that was broken off leaves
  // it so, and removing it again goes on.
  [[nodiscard]] Task<Result<void>> remove(audit::Caller caller, std::string id);
  // A new secret; the one there was signs as well for `overlap`, so that receivers can be changed meanwhile. Invalid
  // where that is above kMostOverlap.
  [[nodiscard]] Task<Result<EndpointWithSecret>> rotate_secret(audit::Caller caller, std::string id,
                                                               std::chrono::seconds overlap);
  // Newest first. Invalid for a page that is none of this list's.
  [[nodiscard]] Task<Result<DeliveryPage>> deliveries(audit::Caller caller, std::string id, std::size_t limit,
                                                      std::optional<std::string> page);

 private:
  [[nodiscard]] Result<void> stop_for_removal(store::Transaction& tx, store::WebhookEndpoint row,
                                              const audit::Caller& caller);

  store::Store& store_;
  SecretKeeper& secrets_;
  const Clock& clock_;
  RandomSource& random_;
  TargetRules rules_;
};

// NotFound, with the cure.
[[nodiscard]] Result<store::WebhookEndpoint> require_endpoint(store::Transaction& transaction, const Uuid& organization,
                                                              std::string_view id);

}  // namespace latchkey::webhooks
